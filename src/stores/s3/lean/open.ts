import { Buffers } from '../../../lib/buffers.ts'
import type { Concurrency } from '../../concurrency.ts'
import { FileHashes } from '../../hashing/file-hashes.ts'
import { Summer } from '../../hashing/sums.ts'
import type { ObjectStore } from '../../object-store.ts'
import type { S3Address } from '../address.ts'
import type { Identity } from '../credentials.ts'
import type { S3Deps } from '../deps.ts'
import { Connections } from './connections.ts'
import { PartBuffers } from './part-buffers.ts'
import type { Lean } from './send.ts'
import { Signer } from './sigv4.ts'
import { plainSite, siteOf } from './site.ts'
import { FetchThreads } from './threads/fetch-threads.ts'

export interface LeanOptions {
  address: S3Address
  ca: string[] | undefined
  stall: number
  identity: Identity
  concurrency: Concurrency
  head: ObjectStore['head']
}

/** The lean path of one bucket: made when the first byte is to move, and not at all where requests need something that only the SDK can do. */
export class LeanPath {
  readonly #s3: S3Deps
  readonly #options: LeanOptions
  #opening: Promise<Lean | undefined> | undefined
  #closed = false

  constructor(s3: S3Deps, options: LeanOptions) {
    this.#s3 = s3
    this.#options = options
  }

  open(): Promise<Lean | undefined> {
    // Where it can't be made now, the ordinary path says why, in its own words; it is tried again.
    this.#opening ??= this.#open().catch(() => {
      this.#opening = undefined
      return undefined
    })
    return this.#opening
  }

  async close(): Promise<void> {
    this.#closed = true
    const lean = await this.#opening
    lean?.connections.close()
    await Promise.all([lean?.hashes.close(), lean?.threads.close()])
  }

  async #open(): Promise<Lean | undefined> {
    const { address, ca, stall, identity, concurrency, head } = this.#options
    const site = plainSite(address) ?? (await siteOf(await this.#s3.sdk(), this.#s3.bucket))
    if (site === undefined || this.#closed) return undefined
    return {
      s3: this.#s3,
      site,
      signer: new Signer(site.region, site.service),
      identity,
      connections: new Connections(site, { ca, stall }),
      concurrency,
      hashes: new FileHashes(),
      threads: new FetchThreads({ site, ca, stall }),
      partBuffers: new PartBuffers(),
      buffers: new Buffers(),
      summer: new Summer(),
      head,
    }
  }
}
