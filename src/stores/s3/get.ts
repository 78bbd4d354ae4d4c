import { Readable } from 'node:stream'
import { GetObjectCommand, type GetObjectCommandOutput } from '@aws-sdk/client-s3'
import { type Checker, checkerFor } from '../checksum.ts'
import { type GetOptions, type ObjectInfo, StoreError } from '../object-store.ts'
import { pause, TransientError, withRetry } from '../retry.ts'
import { abortable, type S3Deps } from './deps.ts'
import { translate } from './errors.ts'
import { infoOf } from './info.ts'

/** Objects up to this many bytes are held back until they are checked, so that a flipped bit costs another try and not an error. */
const heldBack = 1024 * 1024

/** One state of one object: what every further request for its bytes asks for. */
interface Pin {
  version?: string | undefined
  ifMatch?: string | undefined
}

/** Without either, a second request might bring the bytes of another state. */
const pinned = (pin: Pin): boolean => pin.version !== undefined || pin.ifMatch !== undefined

interface Opened {
  info: ObjectInfo
  /** Bytes of this answer's body, and where the first of them stands in the object. */
  length: number
  offset: number
  body: Readable
}

const parseRange = (header: string | undefined): { first: number; total: number } | undefined => {
  const match = /^bytes (\d+)-\d+\/(\d+)$/.exec(header ?? '')
  return match ? { first: Number(match[1]), total: Number(match[2]) } : undefined
}

const open = async (
  deps: S3Deps,
  key: string,
  pin: Pin,
  range: { offset: number; length?: number | undefined } | undefined,
  signal?: AbortSignal,
): Promise<Opened> => {
  const context = { store: deps.name, doing: 'read objects', key, onPrecondition: 'changed' as const }
  const last = range?.length === undefined ? '' : range.offset + range.length - 1
  const input = {
    Bucket: deps.bucket,
    Key: key,
    ...(pin.version !== undefined ? { VersionId: pin.version } : {}),
    ...(pin.ifMatch !== undefined ? { IfMatch: `"${pin.ifMatch}"` } : {}),
    ...(range ? { Range: `bytes=${range.offset}-${last}` } : {}),
  }
  let answer: GetObjectCommandOutput
  try {
    answer = await deps.client.send(new GetObjectCommand(input), abortable(signal))
  } catch (error) {
    throw translate(error, context, signal)
  }
  const body = answer.Body as Readable
  const length = answer.ContentLength
  const partial = parseRange(answer.ContentRange)
  const offset = partial?.first ?? 0
  const etag = answer.ETag?.replace(/^"|"$/g, '')
  const wrong = () => {
    body.destroy()
    return new TransientError(
      new StoreError('unreachable', `${deps.name}/${key} is answered with another range or length than asked for`, key),
    )
  }
  if (length === undefined || offset !== (range?.offset ?? 0)) throw wrong()
  if (range?.length !== undefined && length > range.length) throw wrong()
  if (pin.ifMatch !== undefined && etag !== undefined && etag !== pin.ifMatch) {
    body.destroy()
    throw new StoreError('changed', `${deps.name}/${key} is another object now than it was`, key)
  }
  return { info: infoOf(answer, partial?.total ?? length), length, offset, body }
}

interface Transfer {
  deps: S3Deps
  key: string
  pin: Pin
  signal: AbortSignal | undefined
  /** First byte wanted, and the one after the last. */
  start: number
  end: number
}

const broken = (t: Transfer, error: unknown): Error =>
  translate(error, { store: t.deps.name, doing: 'read objects', key: t.key, onPrecondition: 'changed' }, t.signal)

/** The bytes of one answer, from `at` on: all of them, or a failure. */
async function* bytesOf(t: Transfer, opened: Opened, at: number): AsyncGenerator<Uint8Array> {
  let left = t.end - at
  try {
    for await (const chunk of opened.body as AsyncIterable<Uint8Array>) {
      left -= chunk.length
      if (left < 0) throw new TransientError(tooLong(t))
      yield chunk
    }
  } finally {
    opened.body.destroy()
  }
  if (left > 0) throw new TransientError(cutOff(t))
}

/** All bytes from start to end; a broken connection is resumed with a ranged get of the same state. A try that brought bytes starts the count anew. */
async function* resumed(t: Transfer, first: Opened): AsyncGenerator<Uint8Array> {
  let at = t.start
  let next: Opened | undefined = first
  let failures = 0
  while (at < t.end) {
    const before = at
    try {
      const opened: Opened = next ?? (await open(t.deps, t.key, t.pin, { offset: at, length: t.end - at }, t.signal))
      next = undefined
      for await (const chunk of bytesOf(t, opened, at)) {
        at += chunk.length
        yield chunk
      }
    } catch (error) {
      const failure = broken(t, error)
      if (!(failure instanceof TransientError)) throw failure
      failures = at > before ? 1 : failures + 1
      if (failures >= t.deps.retry.attempts || !pinned(t.pin)) throw failure.final
      await pause(t.deps.retry, failures + 1, failure.after, t.signal)
    }
  }
}

const cutOff = (t: Pick<Transfer, 'deps' | 'key'>) =>
  new StoreError('unreachable', `${t.deps.name}/${t.key} breaks off before its end, again and again`, t.key)
const tooLong = (t: Transfer) =>
  new StoreError('unreachable', `${t.deps.name}/${t.key} is sent longer than the store says it is`, t.key)
const corrupt = (t: Transfer) =>
  new StoreError('corrupt', `the bytes of ${t.deps.name}/${t.key} differ from the checksum that the store holds`, t.key)

/** The bytes of a whole small object, checked. */
const collect = async (t: Transfer, opened: Opened): Promise<Uint8Array[]> => {
  const checker = checkerFor(opened.info.checksums)
  const parts: Uint8Array[] = []
  for await (const chunk of resumed(t, opened)) {
    checker.update(chunk)
    parts.push(chunk)
  }
  if (!checker.matches()) throw new TransientError(corrupt(t))
  return parts
}

async function* checked(t: Transfer, first: Opened, checker: Checker): AsyncGenerator<Uint8Array> {
  for await (const chunk of resumed(t, first)) {
    checker.update(chunk)
    yield chunk
  }
  if (!checker.matches()) throw corrupt(t)
}

const pinOf = (info: ObjectInfo, options: GetOptions): Pin => {
  const version = options.version ?? info.version
  return version === undefined ? { ifMatch: options.ifMatch ?? info.etag } : { version, ifMatch: options.ifMatch }
}

/** Whether to hold an object back until it is checked. */
const isSmall = (opened: Opened): boolean => opened.length <= heldBack && checkerFor(opened.info.checksums).checks

const streamOf = (first: Opened, bytes: AsyncGenerator<Uint8Array>): Readable => {
  const body = Readable.from(bytes, { objectMode: false })
  // A stream that is destroyed before anybody read it never starts the generator, which would close the connection.
  body.once('close', () => first.body.destroy())
  // The connection may fail before the generator reads from it: that is no unhandled event, it is seen on reading.
  first.body.on('error', () => {})
  return body
}

/** Opens an object or a range of it. The head of the answer is in `info`; failures of the bytes come through the stream. */
export const getObject = async (
  deps: S3Deps,
  key: string,
  options: GetOptions = {},
): Promise<{ info: ObjectInfo; body: Readable }> => {
  const { range, signal } = options
  if (range?.length === 0) throw new StoreError('invalid', `a range of ${deps.name}/${key} without bytes`, key)
  return withRetry(deps.retry, signal, async () => {
    const first = await open(deps, key, options, range, signal)
    const start = range?.offset ?? 0
    if (range && start + first.length < Math.min(first.info.size, start + range.length)) {
      first.body.destroy()
      throw new TransientError(cutOff({ deps, key }))
    }
    const transfer: Transfer = { deps, key, pin: pinOf(first.info, options), signal, start, end: start + first.length }
    if (first.length === 0) first.body.resume()
    if (range) return { info: first.info, body: streamOf(first, resumed(transfer, first)) }
    if (isSmall(first)) {
      const chunks = await collect(transfer, first)
      return { info: first.info, body: Readable.from(chunks, { objectMode: false }) }
    }
    return { info: first.info, body: streamOf(first, checked(transfer, first, checkerFor(first.info.checksums))) }
  })
}
