import { type FileHandle, open, stat } from 'node:fs/promises'
import { resolve } from 'node:path'
import { addAbortSignal } from 'node:stream'
import { compareUtf8 } from '../../lib/utf8.ts'
import { downloadByStream, uploadByStream } from '../by-stream.ts'
import { type GetOptions, type ObjectInfo, type ObjectStore, StoreError } from '../object-store.ts'
import { probeStore } from '../probe.ts'
import { etagOf } from './etag.ts'
import { listFiles } from './list.ts'
import { fromSystem, pathOf } from './paths.ts'
import { removeFile, removeUnfinished, writeFileAtomically } from './write.ts'

/** Opens a file and says what it is; a directory is no object. */
const openFile = async (path: string, name: string, key: string): Promise<{ handle: FileHandle; info: ObjectInfo }> => {
  const handle = await open(path, 'r').catch((error) => {
    const none = ['ENOENT', 'ENOTDIR', 'ENAMETOOLONG'].includes(error.code)
    throw none ? new StoreError('not-found', `${name}/${key} is not there`, key) : error
  })
  const found = await handle.stat({ bigint: true })
  if (found.isFile()) return { handle, info: { size: Number(found.size), etag: etagOf(found) } }
  await handle.close()
  throw new StoreError('not-found', `${name}/${key} is not there`, key)
}

/** The directory that all keys with this prefix are under: empty, or ends in a slash. */
const directoryOf = (prefix: string): string => prefix.slice(0, prefix.lastIndexOf('/') + 1)

/**
 * A directory as an object store: keys are paths under it. What is written is on disk before the call returns, and appears whole or not at all.
 * It keeps no versions and no checksums.
 */
export const openDirectoryStore = (directory: string, name = 'directory'): ObjectStore => {
  const root = resolve(directory)

  const guarded = async <T>(key: string | undefined, work: () => Promise<T>): Promise<T> => {
    try {
      return await work()
    } catch (error) {
      throw fromSystem(error, name, key)
    }
  }

  const get = (key: string, options: GetOptions = {}) =>
    guarded(key, async () => {
      options.signal?.throwIfAborted()
      if (options.version !== undefined) throw new StoreError('not-found', `${name} keeps no versions`, key)
      const { handle, info } = await openFile(pathOf(root, name, key), name, key)
      const { range } = options
      const wrong = options.ifMatch !== undefined && options.ifMatch !== info.etag
      if (wrong || (range && range.offset >= info.size)) {
        await handle.close()
        if (wrong) throw new StoreError('changed', `${name}/${key} is another object now than it was`, key)
        throw new StoreError('invalid', `${name}/${key} has no byte ${range?.offset}`, key)
      }
      const stretch = range ? { start: range.offset, end: range.offset + range.length - 1 } : {}
      const body = handle.createReadStream({ ...stretch, highWaterMark: 256 * 1024 })
      if (options.signal) addAbortSignal(options.signal, body)
      return { info, body }
    })

  const store: ObjectStore = {
    name,
    width: 16,
    directory: root,
    async *list(prefix, options = {}) {
      const { startAfter, signal } = options
      try {
        await stat(root)
        for await (const object of listFiles(root, directoryOf(prefix), prefix, signal)) {
          if (startAfter === undefined || compareUtf8(object.key, startAfter) > 0) yield object
        }
      } catch (error) {
        throw fromSystem(error, name)
      }
    },
    head: async (key) => {
      try {
        const { handle, info } = await guarded(key, () => openFile(pathOf(root, name, key), name, key))
        await handle.close()
        return info
      } catch (error) {
        if (error instanceof StoreError && error.failure === 'not-found') return undefined
        throw error
      }
    },
    get,
    download: (key, target, how) => downloadByStream(store, key, target, how),
    put: (key, bytes, options = {}) =>
      guarded(key, () => writeFileAtomically(pathOf(root, name, key), key, bytes, bytes.length, options)),
    upload: (key, size, openRange, options = {}) =>
      guarded(key, () => {
        const bytes = size === 0 ? new Uint8Array() : openRange(0, size)
        return writeFileAtomically(pathOf(root, name, key), key, bytes, size, options)
      }),
    uploadFile: (key, fd, how) => uploadByStream(store, key, fd, how),
    async remove(keys, signal) {
      for (const key of keys) {
        signal?.throwIfAborted()
        await guarded(key, () => removeFile(root, pathOf(root, name, key)))
      }
    },
    abortUploads: (prefix, signal) => guarded(undefined, () => removeUnfinished(root, directoryOf(prefix), signal)),
    probe: (prefix, signal) => probeStore(store, prefix, signal),
    keepsVersions: async () => false,
    close: async () => {},
  }
  return store
}
