import { createHash } from 'node:crypto'
import type { Dataset } from '../api/dataset.ts'
import * as kinds from '../api/kinds.ts'
import type { ProviderObject } from '../desired/location.ts'
import { resolveLocation } from '../desired/location.ts'
import type { FetchShard } from '../manifest/read.ts'
import type { Entry, Root } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { entriesBelow } from '../transfer/entries-at.ts'
import { mismatch, type Origin, openEntry } from '../transfer/fetch.ts'
import { fetchRoot, shardsOf } from '../transfer/manifest-store.ts'
import { type DatasetStore, openDatasetStore, withStore } from './bytes.ts'
import type { Context, Flags } from './command.ts'
import { CommandError, exit } from './exit.ts'
import { type FoundVersion, getIfThere } from './lookup.ts'

/** A committed version whose store is open. */
export interface OpenVersion extends DatasetStore {
  owner: Dataset
  sequence: number
  root: Root
  fetch: FetchShard
}

/** Opens the store of a version, does something with it, and closes it. */
export const withVersion = async <T>(
  context: Context,
  { owner, version }: FoundVersion,
  flags: Flags,
  work: (open: OpenVersion) => Promise<T>,
): Promise<T> => {
  const at = await openDatasetStore(context, owner, flags)
  const { sequence = 0, rootDigest = '' } = version.status ?? {}
  return withStore(at, async () => {
    const root = await fetchRoot(at.store, at.prefix, rootDigest, context.signal)
    return work({ ...at, owner, sequence, root, fetch: shardsOf(at.store, at.prefix, context.signal) })
  })
}

const openSource = async (context: Context, { owner }: OpenVersion): Promise<NonNullable<Origin['source']>> => {
  const { source } = owner.spec
  const { namespace = '' } = owner.metadata
  const provider =
    source?.provider === undefined
      ? undefined
      : await getIfThere<ProviderObject>(context, kinds.StorageProvider, namespace, source.provider)
  const resolved = resolveLocation(source ?? {}, provider === undefined ? [] : [provider])
  if (!('location' in resolved)) throw new CommandError(exit.notFound, resolved.message)
  const { s3, gcs } = resolved.location
  const bucket = (s3 ?? gcs)?.bucket ?? ''
  const store = await context.openStore({
    name: 'source',
    credentials: 'Ambient',
    ...(s3 === undefined ? {} : { s3 }),
    ...(gcs === undefined ? {} : { gcs }),
  })
  return { store, bucket }
}

/** Reads files of a version, wherever their bytes are; what comes out is checked against the manifest when it has come to its end. */
export class FileReader {
  readonly #context: Context
  readonly #version: OpenVersion
  #source: Promise<NonNullable<Origin['source']>> | undefined

  constructor(context: Context, version: OpenVersion) {
    this.#context = context
    this.#version = version
  }

  async *read(entry: Entry): AsyncGenerator<Uint8Array> {
    const { store, prefix, sequence } = this.#version
    if (entry.u !== undefined) this.#source ??= openSource(this.#context, this.#version)
    const origin: Origin = { store, prefix, sequence, ...(this.#source && { source: await this.#source }) }
    const hash = createHash('sha256')
    const body = await openEntry(origin, entry, this.#context.signal)
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      hash.update(chunk)
      yield chunk
    }
    if (hash.digest('hex') !== entry.h) throw mismatch(origin, entry, 'has another sha256 than the manifest says')
  }

  async close(): Promise<void> {
    const store: ObjectStore | undefined = (await this.#source?.catch(() => undefined))?.store
    await store?.close()
  }
}

/** The one file of that path. */
export const fileAt = async (version: OpenVersion, path: string): Promise<Entry> => {
  for await (const entry of entriesBelow(version, path)) {
    if (entry.p !== path) continue
    if (entry.l !== undefined)
      throw new MoveFailure('InvalidSpec', `${path} is a symlink to ${entry.l}: name the file that it leads to`)
    return entry
  }
  throw new CommandError(exit.notFound, `there is no file ${path} in this version (granary files list REF shows them)`)
}
