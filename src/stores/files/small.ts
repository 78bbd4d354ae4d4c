import { createHash } from 'node:crypto'
import { readdir, readFile, realpath } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { compareUtf8 } from '../../lib/utf8.ts'
import { type ListedObject, type ObjectStore, StoreError } from '../object-store.ts'
import { readOnlyStore } from './read-only.ts'

/** Small files in memory as a store: what an object is, its etag says by content, so that the same text written again is no change. */
export const openSmallFiles = (name: string, files: ReadonlyMap<string, Uint8Array>): ObjectStore => {
  const objects = [...files]
    .map(([key, bytes]) => ({ key, bytes, etag: createHash('sha256').update(bytes).digest('hex') }))
    .sort((a, b) => compareUtf8(a.key, b.key))
  const find = (key: string) => objects.find((object) => object.key === key)
  return readOnlyStore(name, {
    async *list(prefix, { startAfter } = {}): AsyncGenerator<ListedObject> {
      for (const { key, bytes, etag } of objects)
        if (key.startsWith(prefix) && (startAfter === undefined || compareUtf8(key, startAfter) > 0))
          yield { key, size: bytes.length, etag }
    },
    head: async (key) => {
      const object = find(key)
      return object && { size: object.bytes.length, etag: object.etag }
    },
    get: async (key, { range, ifMatch } = {}) => {
      const object = find(key)
      if (object === undefined) throw new StoreError('not-found', `${name} has no file ${key}`, key)
      const { bytes, etag } = object
      if (ifMatch !== undefined && ifMatch !== etag) throw new StoreError('changed', `${name}/${key} has changed`, key)
      const part = range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length)
      return { info: { size: bytes.length, etag }, body: Readable.from([part], { objectMode: false }) }
    },
  })
}

/**
 * The keys of a ConfigMap that is mounted at a directory. The kubelet keeps them in a directory of their own that `..data` points at, and the names beside
 * it are links. A ConfigMap that is not there is mounted as one without keys: `no-bucket`.
 */
export const openConfigMap = async (directory: string, configMap: string): Promise<ObjectStore> => {
  const data = await realpath(join(directory, '..data')).catch(() => directory)
  const entries = await readdir(data, { withFileTypes: true }).catch(() => [])
  const files = new Map<string, Uint8Array>()
  for (const entry of entries) if (entry.isFile()) files.set(entry.name, await readFile(join(data, entry.name)))
  if (files.size === 0)
    throw new StoreError(
      'no-bucket',
      `there is no ConfigMap ${configMap} in this namespace, or it has no keys: create it, or mend spec.source.configMap.name`,
    )
  return openSmallFiles(`ConfigMap ${configMap}`, files)
}
