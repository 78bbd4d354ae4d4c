import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { downloadByStream, uploadByStream } from '../../src/stores/by-stream.ts'
import { type ObjectInfo, type ObjectStore, StoreError } from '../../src/stores/object-store.ts'

export interface MemoryStore extends ObjectStore {
  readonly objects: Map<string, Buffer>
  /** Every put and upload, in order. */
  readonly writes: string[]
  /** Called before a write takes place; may throw or change what is there. */
  beforeWrite: (key: string) => void | Promise<void>
  /** The clock of the store; with it, listings say when an object was written. */
  now?: () => number
}

const etagOf = (bytes: Uint8Array) => createHash('md5').update(bytes).digest('hex')
const infoOf = (bytes: Uint8Array): ObjectInfo => ({ size: bytes.length, etag: etagOf(bytes) })

/** A store in memory that keeps the contract of ObjectStore: conditions, order, typed failures. No versions. */
export const memoryStore = (name = 'memory://bucket'): MemoryStore => {
  const objects = new Map<string, Buffer>()
  const writes: string[] = []
  const modified = new Map<string, number>()
  const need = (key: string): Buffer => {
    const bytes = objects.get(key)
    if (bytes === undefined) throw new StoreError('not-found', `${name}/${key} is not there`, key)
    return bytes
  }
  const write = async (key: string, bytes: Buffer, options: { ifAbsent?: boolean; ifMatch?: string } = {}) => {
    await store.beforeWrite(key)
    const there = objects.get(key)
    if (options.ifAbsent && there !== undefined) throw new StoreError('exists', `${name}/${key} is there`, key)
    if (options.ifMatch !== undefined && (there === undefined || etagOf(there) !== options.ifMatch))
      throw new StoreError('changed', `${name}/${key} is another object now`, key)
    objects.set(key, bytes)
    if (store.now) modified.set(key, store.now())
    writes.push(key)
    return infoOf(bytes)
  }
  const store: MemoryStore = {
    name,
    width: 16,
    objects,
    writes,
    beforeWrite: () => {},
    async *list(prefix, options = {}) {
      const keys = [...objects.keys()].filter((key) => key.startsWith(prefix)).sort(compareUtf8)
      for (const key of keys) {
        if (options.startAfter !== undefined && compareUtf8(key, options.startAfter) <= 0) continue
        const bytes = objects.get(key)
        const at = modified.get(key)
        if (bytes !== undefined) yield { key, ...infoOf(bytes), ...(at === undefined ? {} : { modified: at }) }
      }
    },
    head: async (key) => {
      const bytes = objects.get(key)
      return bytes && infoOf(bytes)
    },
    get: async (key, { range, ifMatch } = {}) => {
      const bytes = need(key)
      if (ifMatch !== undefined && etagOf(bytes) !== ifMatch)
        throw new StoreError('changed', `${name}/${key} is another object now`, key)
      const part = range === undefined ? bytes : bytes.subarray(range.offset, range.offset + range.length)
      return { info: infoOf(bytes), body: Readable.from([part], { objectMode: false }) }
    },
    download: (key, target, options) => downloadByStream(store, key, target, options),
    put: (key, bytes, options) => write(key, Buffer.from(bytes), options),
    upload: async (key, size, open, options) => {
      const half = Math.ceil(size / 2)
      const parts = [
        ...(await open(0, half).toArray()),
        ...(size > half ? await open(half, size - half).toArray() : []),
      ]
      const bytes = Buffer.concat(parts)
      if (bytes.length !== size) throw new StoreError('changed', `${name}/${key}: the source ended early`, key)
      return write(key, bytes, options)
    },
    uploadFile: (key, fd, options) => uploadByStream(store, key, fd, options),
    remove: async (keys) => {
      for (const key of keys) objects.delete(key)
    },
    abortUploads: async () => 0,
    probe: async () => ({
      putIfAbsent: true,
      getIfMatch: true,
      multipartIfAbsent: true,
      versioning: false,
      checksums: false,
    }),
    keepsVersions: async () => false,
    close: async () => {},
  }
  return store
}
