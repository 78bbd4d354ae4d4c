import type { Readable } from 'node:stream'
import { rootKey, shardKey } from '../manifest/keys.ts'
import { type FetchShard, readManifest } from '../manifest/read.ts'
import { parseRoot } from '../manifest/root.ts'
import type { Entry, Root } from '../manifest/types.ts'
import type { ManifestSink } from '../manifest/write.ts'
import { type ObjectStore, StoreError } from '../stores/object-store.ts'
import { readSmall } from './read-small.ts'

/** Writes shards and root where layout 1 has them. Names are digests, so what is there already is left alone. */
export const manifestSink = (store: ObjectStore, prefix: string, signal?: AbortSignal): ManifestSink => {
  const options = signal ? { signal } : {}
  const put = async (key: string, bytes: Uint8Array, contentType: string) => {
    if ((await store.head(key, options))?.size === bytes.length) return
    await store.put(key, bytes, { ...options, contentType })
  }
  return {
    shard: (sha256, gz) => put(shardKey(prefix, sha256), gz, 'application/gzip'),
    root: (sha256, bytes) => put(rootKey(prefix, sha256), bytes, 'application/json'),
  }
}

/** Gives the shards of a Dataset's directory. */
export const shardsOf =
  (store: ObjectStore, prefix: string, signal?: AbortSignal): FetchShard =>
  async (sha256): Promise<Readable> =>
    (await store.get(shardKey(prefix, sha256), signal ? { signal } : {})).body

/** A root by its digest. A missing one is `corrupt`: only committed roots are asked for. */
export const readRoot = async (
  store: ObjectStore,
  prefix: string,
  sha256: string,
  signal?: AbortSignal,
): Promise<Root> => {
  const key = rootKey(prefix, sha256)
  const found = await readSmall(store, key, signal)
  if (found) return parseRoot(found.bytes, sha256)
  throw new StoreError('corrupt', `${store.name}/${key} is missing: the version that names it can't be read`, key)
}

/** The entries of a committed version, in order. */
export async function* readVersion(
  store: ObjectStore,
  prefix: string,
  root: string,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  yield* readManifest(await readRoot(store, prefix, root, signal), shardsOf(store, prefix, signal))
}
