import { hash } from 'node:crypto'
import { read } from 'node:fs'
import { promisify } from 'node:util'
import type { FileHash } from '../../hashing/file-hashes.ts'
import { StoreError, type Transferred, type UploadFileOptions } from '../../object-store.ts'
import { type PartBytes, smallestPart, uploadInParts } from '../upload.ts'
import { leanPut, leanSender } from './put.ts'
import type { Lean } from './send.ts'

const readAt = promisify(read)

/** Files from this size on are read and hashed in another thread. */
const readElsewhere = 1024 * 1024

const shorter = (lean: Lean, key: string) =>
  new StoreError('changed', `what is uploaded to ${lean.s3.name}/${key} is shorter than it was`, key)

/** A part of a file and its digest, read and summed up by another thread. */
const readPart = async (
  lean: Lean,
  key: string,
  file: FileHash,
  range: { offset: number; length: number },
): Promise<Required<PartBytes>> => {
  const { offset, length } = range
  const empty = await lean.partBuffers.take(length)
  const { buffer, count, sha256 } = await file.read(offset, empty).catch((error) => {
    lean.partBuffers.lost(length)
    throw error
  })
  const release = () => lean.partBuffers.give(buffer)
  if (count === length) return { bytes: Buffer.from(buffer), sha256, release }
  release()
  throw shorter(lean, key)
}

const readHere = async (lean: Lean, key: string, fd: number, size: number): Promise<Buffer> => {
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await readAt(fd, bytes, at, size - at, at)
    if (bytesRead === 0) throw shorter(lean, key)
    at += bytesRead
  }
  return bytes
}

/** `uploadFile` over connections of our own: every byte is read once, and hashed while others are sent. */
export const leanUploadFile = async (
  lean: Lean,
  key: string,
  fd: number,
  { size, onBytes, resumable, ...options }: UploadFileOptions,
): Promise<Transferred> => {
  options.signal?.throwIfAborted()
  if (size < readElsewhere) {
    const bytes = await readHere(lean, key, fd, size)
    const sha256 = hash('sha256', bytes, 'hex')
    const info = await leanPut(lean, key, bytes, options, sha256)
    onBytes?.(size)
    return { info, sha256 }
  }
  const whole = size <= smallestPart
  // One part's digest is the file's: then it isn't summed up twice.
  const file = lean.hashes.file(fd, whole ? [] : ['sha256'])
  try {
    if (whole) {
      const { bytes, sha256, release } = await readPart(lean, key, file, { offset: 0, length: size })
      try {
        const info = await leanPut(lean, key, bytes, options, sha256)
        onBytes?.(size)
        return { info, sha256 }
      } finally {
        release()
      }
    }
    const next = async (offset: number, length: number): Promise<PartBytes> => {
      const part = await readPart(lean, key, file, { offset, length })
      onBytes?.(length)
      return part
    }
    const info = await uploadInParts(lean.s3, key, size, next, leanSender(lean), options, resumable)
    return { info, sha256: (await file.finish(size)).sha256! }
  } finally {
    await file.abandon()
  }
}
