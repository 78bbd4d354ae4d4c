import { Readable } from 'node:stream'
import { rootKey, shardKey } from '../manifest/keys.ts'
import type { FetchShard } from '../manifest/read.ts'
import { parseRoot } from '../manifest/root.ts'
import type { Root } from '../manifest/types.ts'
import type { ManifestSink } from '../manifest/write.ts'
import type { ObjectStore } from '../stores/object-store.ts'

/** Far above what ten million files need: a root that is longer is not read into memory. */
const maxRootBytes = 64 * 1024 * 1024

/** All bytes of an object that is known to be small; fails with a RangeError if it is longer than `limit`. */
export const readWhole = async (
  store: ObjectStore,
  key: string,
  limit: number,
  signal?: AbortSignal,
): Promise<{ bytes: Buffer; etag?: string }> => {
  const { info, body } = await store.get(key, signal && { signal })
  if (info.size > limit) {
    body.destroy()
    throw new RangeError(`${store.name}/${key} is longer than ${limit} bytes`)
  }
  const parts: Buffer[] = []
  for await (const part of body) parts.push(part as Buffer)
  return { bytes: Buffer.concat(parts), ...(info.etag === undefined ? {} : { etag: info.etag }) }
}

/** A version's root, checked against its sha256. `prefix` is the Dataset's directory. */
export const fetchRoot = async (
  store: ObjectStore,
  prefix: string,
  sha256: string,
  signal?: AbortSignal,
): Promise<Root> => parseRoot((await readWhole(store, rootKey(prefix, sha256), maxRootBytes, signal)).bytes, sha256)

/** Gives a manifest reader its shards. */
export const shardsOf =
  (store: ObjectStore, prefix: string, signal?: AbortSignal): FetchShard =>
  async (sha256) =>
    (await store.get(shardKey(prefix, sha256), signal && { signal })).body

/** Where a manifest writer's shards and root go. Content-addressed, so what is there with the same size is left as it is. */
export const manifestSink = (store: ObjectStore, prefix: string, signal?: AbortSignal): ManifestSink => {
  const options = signal && { signal }
  const put = async (key: string, bytes: Uint8Array) => {
    if ((await store.head(key, options))?.size === bytes.length) return
    await store.upload(
      key,
      bytes.length,
      (offset, length) => Readable.from([bytes.subarray(offset, offset + length)], { objectMode: false }),
      options,
    )
  }
  return {
    shard: (sha256, gz) => put(shardKey(prefix, sha256), gz),
    root: (sha256, bytes) => put(rootKey(prefix, sha256), bytes),
  }
}
