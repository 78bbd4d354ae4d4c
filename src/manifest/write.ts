import { createHash } from 'node:crypto'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { cutsAfter, maxShardLines } from './cut.ts'
import { sha256Hex } from './digest.ts'
import { ManifestError } from './error.ts'
import { contentLine, entryLine, entryProblem } from './line.ts'
import { rootBytes } from './root.ts'
import { PathSequence } from './sequence.ts'
import type { Entry, Root, Shard } from './types.ts'

/** Where a manifest is written. Names are sha256 in hex; the same name always has the same content, so what is there already may be skipped. */
export interface ManifestSink {
  /** `sha256` is that of the uncompressed bytes; `gz` is gzip. */
  shard(sha256: string, gz: Uint8Array): Promise<void>
  /** Called once, last. */
  root(sha256: string, bytes: Uint8Array): Promise<void>
}

export interface WrittenManifest {
  /** sha256 of the root's bytes: what a commit record points at. */
  rootDigest: string
  root: Root
}

const compress = async (bytes: Buffer): Promise<Buffer> => {
  const gz = await promisify(gzip)(bytes, { level: 6 })
  gz[9] = 255 // the header's byte for the operating system: unknown, wherever it was made
  return gz
}

/** Lines are encoded in stretches of this many, so that strings don't pile up. */
const stretch = 1024

class OpenShard {
  n = 0
  bytes = 0
  first = ''
  last = ''
  readonly #content: { update(data: string): unknown }
  #lines: string[] = []
  #plain: Buffer[] = []
  constructor(content: { update(data: string): unknown }) {
    this.#content = content
  }

  add(entry: Entry): void {
    if (this.n === 0) this.first = entry.p
    this.last = entry.p
    this.n++
    this.bytes += entry.s ?? 0
    this.#lines.push(entryLine(entry), '\n')
    this.#content.update(`${contentLine(entry)}\n`)
    if (this.n % stretch === 0) this.#encode()
  }

  #encode(): void {
    this.#plain.push(Buffer.from(this.#lines.join('')))
    this.#lines = []
  }

  async close(sink: ManifestSink): Promise<Shard> {
    this.#encode()
    const plain = Buffer.concat(this.#plain)
    const sha256 = sha256Hex(plain)
    await sink.shard(sha256, await compress(plain))
    return { first: this.first, last: this.last, n: this.n, bytes: this.bytes, sha256 }
  }
}

/**
 * Writes a manifest from entries that come in the order of their paths' bytes (compareUtf8). Holds one shard at a time.
 * Entries that layout 1 can't hold end it with a ManifestError that names the path, before the root is written.
 */
export const writeManifest = async (
  entries: AsyncIterable<Entry> | Iterable<Entry>,
  sink: ManifestSink,
): Promise<WrittenManifest> => {
  const shards: Shard[] = []
  const content = createHash('sha256')
  const sequence = new PathSequence()
  let open: OpenShard | undefined
  for await (const entry of entries) {
    const problem = entryProblem(entry)
    if (problem !== undefined) throw new ManifestError(`a path ${problem}`, String(entry.p))
    sequence.add(entry.p)
    open ??= new OpenShard(content)
    open.add(entry)
    if (open.n < maxShardLines && !cutsAfter(entry.p)) continue
    shards.push(await open.close(sink))
    open = undefined
  }
  if (open !== undefined) shards.push(await open.close(sink))
  const sum = (field: 'n' | 'bytes') => shards.reduce((total, shard) => total + shard[field], 0)
  const root: Root = {
    layout: 1,
    encoding: 'gzip',
    shards,
    files: sum('n'),
    bytes: sum('bytes'),
    digest: content.digest('hex'),
  }
  const bytes = rootBytes(root)
  const rootDigest = sha256Hex(bytes)
  await sink.root(rootDigest, bytes)
  return { rootDigest, root }
}
