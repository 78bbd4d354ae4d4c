import { createHash } from 'node:crypto'
import { read, write } from 'node:fs'
import { Readable } from 'node:stream'
import { promisify } from 'node:util'
import {
  type DownloadOptions,
  type ObjectStore,
  StoreError,
  type Target,
  type Transferred,
  type UploadFileOptions,
} from './object-store.ts'
import { untilIntact } from './until-intact.ts'

const readAt = promisify(read)
const writeAt = promisify(write)

const chunkBytes = 256 * 1024

const put = async (target: Target | undefined, chunk: Uint8Array, at: number): Promise<void> => {
  if (target === undefined) return
  if ('bytes' in target) return target.bytes.set(chunk, at)
  for (let done = 0; done < chunk.length; ) {
    done += (await writeAt(target.fd, chunk, done, chunk.length - done, at + done)).bytesWritten
  }
}

const downloadOnce = async (
  store: Pick<ObjectStore, 'name' | 'get'>,
  key: string,
  target: Target | undefined,
  options: DownloadOptions,
  arrived: (count: number) => void,
): Promise<Transferred> => {
  const { size, sha256: expected, onBytes: _, ...pin } = options
  const changed = () => new StoreError('changed', `${store.name}/${key} has another size than it had`, key)
  const { info, body } = await store.get(key, pin)
  const hash = createHash('sha256')
  let at = 0
  try {
    if (info.size !== size) throw changed()
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      if (at + chunk.length > size) throw changed()
      hash.update(chunk)
      await put(target, chunk, at)
      at += chunk.length
      arrived(chunk.length)
    }
  } finally {
    body.destroy()
  }
  if (at !== size) throw changed()
  const sha256 = hash.digest('hex')
  if (expected === undefined || expected === sha256) return { info, sha256 }
  throw new StoreError('corrupt', `the bytes of ${store.name}/${key} have another sha256 than was recorded`, key)
}

/** `download` for any store that can `get`: one stream, hashed as it comes. */
export const downloadByStream = (
  store: Pick<ObjectStore, 'name' | 'get'>,
  key: string,
  target: Target,
  options: DownloadOptions,
): Promise<Transferred> => untilIntact(options.onBytes, (arrived) => downloadOnce(store, key, target, options, arrived))

/** `sum` for any store that can `get`. */
export const sumByStream = (
  store: Pick<ObjectStore, 'name' | 'get'>,
  key: string,
  options: DownloadOptions,
): Promise<Transferred> =>
  untilIntact(options.onBytes, (arrived) => downloadOnce(store, key, undefined, options, arrived))

/** `uploadFile` for any store that can `upload`. */
export const uploadByStream = async (
  store: Pick<ObjectStore, 'upload'>,
  key: string,
  fd: number,
  options: UploadFileOptions,
): Promise<Transferred> => {
  const { size, onBytes, ...rest } = options
  const hash = createHash('sha256')
  async function* range(offset: number, length: number): AsyncGenerator<Uint8Array> {
    for (let at = offset; at < offset + length; ) {
      const wanted = Math.min(chunkBytes, offset + length - at)
      const { bytesRead, buffer } = await readAt(fd, Buffer.allocUnsafe(wanted), 0, wanted, at)
      if (bytesRead === 0) return
      const chunk = buffer.subarray(0, bytesRead)
      hash.update(chunk)
      onBytes?.(bytesRead)
      yield chunk
      at += bytesRead
    }
  }
  const open = (offset: number, length: number) => Readable.from(range(offset, length), { objectMode: false })
  const info = await store.upload(key, size, open, rest)
  return { info, sha256: hash.digest('hex') }
}
