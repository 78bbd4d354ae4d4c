import { hash } from 'node:crypto'
import { read } from 'node:fs'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import type { FileHashes } from '../hashing/file-hashes.ts'
import type { Sums } from '../hashing/sums.ts'
import {
  type ObjectInfo,
  type PutOptions,
  StoreError,
  type Transferred,
  type UploadFileOptions,
} from '../object-store.ts'
import { readExactly } from '../read-exactly.ts'
import { TransientError, withRetry } from '../retry.ts'
import type { PartBuffers } from '../s3/lean/part-buffers.ts'
import { type Answer, type GcsDeps, header, refusal, textOf } from './client.ts'
import { HttpError } from './errors.ts'
import { infoOfResource, type ObjectResource } from './info.ts'
import { damaged, sendWhole, takeBack, uploadQuery, writeFailure } from './put.ts'

/** Up to this size an object goes in one request. */
const oneRequest = 8 * 1024 * 1024
/** A piece of a bigger one, kept in memory until the store has it: a multiple of 256 KiB, as the protocol asks. */
const pieceBytes = 16 * 1024 * 1024

interface Upload {
  deps: GcsDeps
  key: string
  size: number
  /** Path and query of the session. Whoever knows it may write: it appears in no message. */
  session: string
  options: PutOptions
  signal: AbortSignal
  onBytes: ((count: number) => void) | undefined
}

/** Bytes in memory until `release`. */
interface Piece {
  bytes: Uint8Array
  release(): void
}

/** Where the pieces of an object come from, one after the other. */
interface Pieces {
  next(offset: number, length: number): Promise<Piece>
  /** Of all, once the last one is read: the crc32c among them. */
  sums(): Promise<Sums>
}

/** What uploads to a bucket work with. */
export interface Uploads {
  deps: GcsDeps
  /** The pieces of all uploads of a store are in here. */
  buffers: PartBuffers
  hashes: FileHashes
}

/** Only path and query: the server may name a host that this client does not reach it by. */
const sessionOf = (answer: Answer, root: string): string => {
  const location = header(answer, 'location')
  if (location === undefined) throw new SyntaxError('an upload without a session')
  const { pathname, search } = new URL(location, 'http://store')
  const at = pathname.indexOf(root)
  return (at < 0 ? pathname : pathname.slice(at)) + search
}

const begin = (deps: GcsDeps, key: string, size: number, options: PutOptions, signal: AbortSignal): Promise<string> =>
  withRetry(deps.retry, signal, async () => {
    const { contentType = 'application/octet-stream' } = options
    try {
      const answer = await deps.send({
        method: 'POST',
        path: deps.uploadPath + uploadQuery(deps, 'resumable', key, options),
        headers: {
          'content-type': 'application/json; charset=utf-8',
          'x-upload-content-type': contentType,
          'x-upload-content-length': String(size),
        },
        body: JSON.stringify({ name: key, contentType }),
        signal,
      })
      if (answer.status >= 300) throw await refusal(answer)
      answer.body.resume()
      return sessionOf(answer, '/upload/')
    } catch (error) {
      throw writeFailure(deps, key, options, error, signal)
    }
  })

/** How far the store is: that many bytes, or done. */
type Standing = { bytes: number } | { done: ObjectInfo }

const standingOf = async (answer: Answer): Promise<Standing> => {
  if (answer.status === 200 || answer.status === 201)
    return { done: infoOfResource(JSON.parse(await textOf(answer)) as ObjectResource) }
  if (answer.status !== 308) throw await refusal(answer)
  answer.body.resume()
  const last = /-(\d+)$/.exec(header(answer, 'range') ?? '')?.[1]
  return { bytes: last === undefined ? 0 : Number(last) + 1 }
}

const send = async (u: Upload, range: string, bytes?: Uint8Array, sums?: string): Promise<Standing> => {
  const headers = { 'content-range': `bytes ${range}/${u.size}`, ...(sums ? { 'x-goog-hash': sums } : {}) }
  const body = bytes ?? new Uint8Array()
  return standingOf(await u.deps.send({ method: 'PUT', path: u.session, headers, body, signal: u.signal }))
}

/** What a failed piece means. A session that is gone has taken along what was sent, which can't be sent again from here. */
const pieceFailure = (u: Upload, thrown: unknown): Error => {
  const gone = thrown instanceof HttpError && (thrown.status === 404 || thrown.status === 410)
  return gone
    ? new StoreError('unreachable', `the store gave up the upload of ${u.deps.name}/${u.key}`, u.key)
    : writeFailure(u.deps, u.key, u.options, thrown, u.signal)
}

/** Sends one piece until the store has all of it; after a failure it is asked how far it is. */
const sendPiece = async (u: Upload, at: number, piece: Uint8Array, sums: string | undefined): Promise<Standing> => {
  const end = at + piece.length
  let from = at
  let unsure = false
  const step = async (): Promise<Standing> => {
    const rest = () => send(u, `${from}-${end - 1}`, piece.subarray(from - at), end === u.size ? sums : undefined)
    const asked = unsure
    const standing = asked ? await send(u, '*') : await rest()
    unsure = false
    if ('done' in standing) return standing
    const least = asked ? at : from + 1
    if (standing.bytes < least || standing.bytes > end)
      throw new SyntaxError('an upload that goes back or stands still')
    from = standing.bytes
    return standing
  }
  return withRetry(u.deps.retry, u.signal, async () => {
    try {
      for (;;) {
        const standing = await step()
        if ('done' in standing || from === end) return standing
      }
    } catch (thrown) {
      const error = pieceFailure(u, thrown)
      unsure = error instanceof TransientError
      throw error
    }
  })
}

/** Sends piece by piece; the next one is read meanwhile. */
const sendAll = async (u: Upload, pieces: Pieces): Promise<{ info: ObjectInfo; sums: Sums }> => {
  const read = (at: number) => pieces.next(at, Math.min(pieceBytes, u.size - at))
  let next: Promise<Piece> | undefined = read(0)
  try {
    for (let at = 0; ; at += pieceBytes) {
      const { bytes, release } = await next
      next = undefined
      try {
        const end = at + bytes.length
        const sums = end === u.size ? await pieces.sums() : undefined
        if (sums === undefined) next = read(end)
        // Seen when it is its turn.
        next?.catch(() => {})
        const standing = await sendPiece(u, at, bytes, sums && hashHeader(sums))
        u.onBytes?.(bytes.length)
        if ('done' in standing) return { info: await checkSum(u, standing.done, sums), sums: sums ?? {} }
        if (next === undefined) throw damaged(u.deps, u.key)
      } finally {
        release()
      }
    }
  } finally {
    await next?.then(({ release }) => release()).catch(() => {})
  }
}

const hashHeader = ({ crc32c = '' }: Sums): string => `crc32c=${Buffer.from(crc32c, 'hex').toString('base64')}`

/** Whether the object that came of it is what was sent; if not, it is taken away again. */
const checkSum = async (u: Upload, info: ObjectInfo, sums: Sums | undefined): Promise<ObjectInfo> => {
  const recorded = info.checksums?.crc32c
  if (info.size === u.size && (recorded === undefined || recorded === sums?.crc32c)) return info
  await takeBack(u.deps, u.key, info)
  throw damaged(u.deps, u.key)
}

/** A resumable session, which is given up when something goes wrong. */
const uploadPieces = async (
  deps: GcsDeps,
  key: string,
  pieces: Pieces,
  { size, onBytes, ...options }: UploadFileOptions,
): Promise<{ info: ObjectInfo; sums: Sums }> => {
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const session = await begin(deps, key, size, options, signal)
  try {
    return await sendAll({ deps, key, size, session, options, signal, onBytes }, pieces)
  } catch (error) {
    stop.abort()
    await giveUp(deps, session)
    throw error
  }
}

/** Anything above some megabytes goes piece by piece. */
export const uploadObject = async (
  { deps, buffers }: Uploads,
  key: string,
  size: number,
  open: (offset: number, length: number) => Readable,
  options: PutOptions = {},
): Promise<ObjectInfo> => {
  if (size <= oneRequest) {
    const bytes = size === 0 ? new Uint8Array() : await readExactly(open(0, size), size, key)
    return sendWhole(deps, key, bytes, options)
  }
  const crc32c = deps.summer.start('crc32c')
  const next = async (offset: number, length: number): Promise<Piece> => {
    const memory = await buffers.take(length)
    const release = () => buffers.give(memory)
    try {
      const bytes = await readExactly(open(offset, length), length, key, Buffer.from(memory))
      crc32c.update(bytes)
      return { bytes, release }
    } catch (error) {
      release()
      throw error
    }
  }
  const sums = async () => ({ crc32c: crc32c.hex() })
  return (await uploadPieces(deps, key, { next, sums }, { ...options, size })).info
}

const shorter = (deps: GcsDeps, key: string) =>
  new StoreError('changed', `what is uploaded to ${deps.name}/${key} is shorter than it was`, key)

/** `uploadFile`: a small file in one request; of a bigger one, another thread reads and sums up the pieces. */
export const uploadFile = async (
  { deps, buffers, hashes }: Uploads,
  key: string,
  fd: number,
  options: UploadFileOptions,
): Promise<Transferred> => {
  options.signal?.throwIfAborted()
  if (options.size <= oneRequest) return uploadSmall(deps, key, fd, options)
  const file = hashes.file(fd, ['sha256', 'crc32c'])
  const next = async (offset: number, length: number): Promise<Piece> => {
    const empty = await buffers.take(length)
    const { buffer, count } = await file.read(offset, empty).catch((error) => {
      buffers.lost(length)
      throw error
    })
    const release = () => buffers.give(buffer)
    if (count === length) return { bytes: Buffer.from(buffer), release }
    release()
    throw shorter(deps, key)
  }
  try {
    const { info, sums } = await uploadPieces(deps, key, { next, sums: () => file.finish(options.size) }, options)
    return { info, sha256: sums.sha256! }
  } finally {
    await file.abandon()
  }
}

/** Best effort: the store forgets sessions by itself after a week, and nobody sees or pays for what is in them. */
const giveUp = async (deps: GcsDeps, session: string): Promise<void> => {
  try {
    const answer = await deps.send({ method: 'DELETE', path: session })
    answer.body.resume()
  } catch {}
}

const readAt = promisify(read)

/** What goes in one request. */
const uploadSmall = async (
  deps: GcsDeps,
  key: string,
  fd: number,
  { size, onBytes, ...options }: UploadFileOptions,
): Promise<Transferred> => {
  options.signal?.throwIfAborted()
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await readAt(fd, bytes, at, size - at, at)
    if (bytesRead === 0) throw shorter(deps, key)
    at += bytesRead
  }
  const info = await sendWhole(deps, key, bytes, options)
  onBytes?.(size)
  return { info, sha256: hash('sha256', bytes, 'hex') }
}
