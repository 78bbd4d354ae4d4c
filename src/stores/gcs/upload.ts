import { createHash, type Hash, hash } from 'node:crypto'
import { read } from 'node:fs'
import type { Readable } from 'node:stream'
import { promisify } from 'node:util'
import {
  type ObjectInfo,
  type PutOptions,
  StoreError,
  type Transferred,
  type UploadFileOptions,
} from '../object-store.ts'
import { readExactly } from '../read-exactly.ts'
import { TransientError, withRetry } from '../retry.ts'
import { type Answer, type GcsDeps, header, refusal, textOf } from './client.ts'
import { HttpError } from './errors.ts'
import { infoOfResource, type ObjectResource } from './info.ts'
import { damaged, sendWhole, takeBack, uploadQuery, writeFailure } from './put.ts'

/** Up to this size an object goes in one request. */
export const oneRequest = 8 * 1024 * 1024
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

const sendAll = async (u: Upload, open: (offset: number, length: number) => Readable): Promise<ObjectInfo> => {
  const hash: Hash = createHash('md5')
  const read = (at: number) => {
    const length = Math.min(pieceBytes, u.size - at)
    return readExactly(open(at, length), length, u.key)
  }
  let next = read(0)
  for (let at = 0; ; at += pieceBytes) {
    const piece = await next
    hash.update(piece)
    const end = at + piece.length
    const sums = end === u.size ? `md5=${hash.copy().digest('base64')}` : undefined
    if (end < u.size) {
      next = read(end)
      // Seen when it is its turn.
      next.catch(() => {})
    }
    const standing = await sendPiece(u, at, piece, sums)
    if ('done' in standing) return checkSum(u, standing.done, hash)
    if (end === u.size) throw damaged(u.deps, u.key)
  }
}

/** Whether the object that came of it is what was sent; if not, it is taken away again. */
const checkSum = async (u: Upload, info: ObjectInfo, hash: Hash): Promise<ObjectInfo> => {
  const recorded = info.checksums?.md5
  if (info.size === u.size && (recorded === undefined || recorded === hash.digest('hex'))) return info
  await takeBack(u.deps, u.key, info)
  throw damaged(u.deps, u.key)
}

/** Anything above some megabytes goes piece by piece in a resumable session, which is given up when something goes wrong. */
export const uploadObject = async (
  deps: GcsDeps,
  key: string,
  size: number,
  open: (offset: number, length: number) => Readable,
  options: PutOptions = {},
): Promise<ObjectInfo> => {
  if (size <= oneRequest) {
    const bytes = size === 0 ? new Uint8Array() : await readExactly(open(0, size), size, key)
    return sendWhole(deps, key, bytes, options)
  }
  const stop = new AbortController()
  const signal = options.signal ? AbortSignal.any([options.signal, stop.signal]) : stop.signal
  const session = await begin(deps, key, size, options, signal)
  try {
    return await sendAll({ deps, key, size, session, options, signal }, open)
  } catch (error) {
    stop.abort()
    await giveUp(deps, session)
    throw error
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

/** `uploadFile` of what goes in one request. */
export const uploadSmall = async (
  deps: GcsDeps,
  key: string,
  fd: number,
  { size, onBytes, ...options }: UploadFileOptions,
): Promise<Transferred> => {
  options.signal?.throwIfAborted()
  const bytes = Buffer.allocUnsafe(size)
  for (let at = 0; at < size; ) {
    const { bytesRead } = await readAt(fd, bytes, at, size - at, at)
    if (bytesRead === 0)
      throw new StoreError('changed', `what is uploaded to ${deps.name}/${key} is shorter than it was`, key)
    at += bytesRead
  }
  const info = await sendWhole(deps, key, bytes, options)
  onBytes?.(size)
  return { info, sha256: hash('sha256', bytes, 'hex') }
}
