import { Readable } from 'node:stream'
import { type Checker, checkerFor } from './checksum.ts'
import type { Summer } from './hashing/sums.ts'
import { type GetOptions, type ObjectInfo, StoreError } from './object-store.ts'
import { pause, type RetryPolicy, TransientError, withRetry } from './retry.ts'

/** Objects up to this many bytes are held back until they are checked, so that a flipped bit costs another try and not an error. */
const heldBack = 1024 * 1024

/** One state of one object: what every further request for its bytes asks for. */
export interface Pin {
  version?: string | undefined
  ifMatch?: string | undefined
}

/** Bytes from `offset` on, to the end if there is no length. */
export interface Stretch {
  offset: number
  length?: number | undefined
}

/** One answer with bytes. */
export interface Opened {
  info: ObjectInfo
  /** Bytes of this answer's body, and where the first of them stands in the object. */
  length: number
  offset: number
  body: Readable
}

/** How a store is asked for bytes; everything else of reading is the same for all of them. */
export interface ObjectReader {
  /** `s3://bucket` */
  name: string
  retry: RetryPolicy
  /** For checking what comes. */
  summer: Summer
  /** One request; fails with a StoreError or a TransientError. An answer that is another stretch than asked for is checked by `checkStretch`. */
  open(key: string, pin: Pin, stretch: Stretch | undefined, signal: AbortSignal | undefined): Promise<Opened>
  /** What a body broke with, as a StoreError, a TransientError, or the reason of the signal. */
  broken(error: unknown, key: string, signal: AbortSignal | undefined): Error
}

/** Lets an answer through if it is what was asked for; closes it otherwise. */
export const checkStretch = (name: string, key: string, opened: Opened, pin: Pin, stretch?: Stretch): Opened => {
  const fail = (error: Error) => {
    opened.body.on('error', () => {}).destroy()
    return error
  }
  const { info, length, offset } = opened
  const tooMuch = stretch?.length !== undefined && length > stretch.length
  if (!Number.isFinite(length) || offset !== (stretch?.offset ?? 0) || tooMuch) {
    const what = `${name}/${key} is answered with another range or length than asked for`
    throw fail(new TransientError(new StoreError('unreachable', what, key)))
  }
  if (pin.ifMatch !== undefined && info.etag !== undefined && info.etag !== pin.ifMatch)
    throw fail(new StoreError('changed', `${name}/${key} is another object now than it was`, key))
  return opened
}

/** Without either, a second request might bring the bytes of another state. */
const pinned = (pin: Pin): boolean => pin.version !== undefined || pin.ifMatch !== undefined

interface Transfer {
  reader: ObjectReader
  key: string
  pin: Pin
  signal: AbortSignal | undefined
  /** First byte wanted, and the one after the last. */
  start: number
  end: number
}

const placeOf = (t: Pick<Transfer, 'reader' | 'key'>): string => `${t.reader.name}/${t.key}`
const cutOff = (t: Pick<Transfer, 'reader' | 'key'>) =>
  new StoreError('unreachable', `${placeOf(t)} breaks off before its end, again and again`, t.key)
const tooLong = (t: Transfer) =>
  new StoreError('unreachable', `${placeOf(t)} is sent longer than the store says it is`, t.key)
const corrupt = (t: Transfer) =>
  new StoreError('corrupt', `the bytes of ${placeOf(t)} differ from the checksum that the store holds`, t.key)

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
  const { reader, key, pin, signal } = t
  let at = t.start
  let next: Opened | undefined = first
  let failures = 0
  while (at < t.end) {
    const before = at
    try {
      const opened: Opened = next ?? (await reader.open(key, pin, { offset: at, length: t.end - at }, signal))
      next = undefined
      for await (const chunk of bytesOf(t, opened, at)) {
        at += chunk.length
        yield chunk
      }
    } catch (error) {
      const failure = reader.broken(error, key, signal)
      if (!(failure instanceof TransientError)) throw failure
      failures = at > before ? 1 : failures + 1
      if (failures >= reader.retry.attempts || !pinned(pin)) throw failure.final
      await pause(reader.retry, failures + 1, failure.after, signal)
    }
  }
}

/** The bytes of a whole small object, checked. */
const collect = async (t: Transfer, opened: Opened): Promise<Uint8Array[]> => {
  const checker = checkerFor(opened.info.checksums, t.reader.summer)
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
const isSmall = ({ length, info }: Opened): boolean =>
  length <= heldBack && Object.keys(info.checksums ?? {}).length > 0

const streamOf = (first: Opened, bytes: AsyncGenerator<Uint8Array>): Readable => {
  const body = Readable.from(bytes, { objectMode: false })
  // A stream that is destroyed before anybody read it never starts the generator, which would close the connection.
  body.once('close', () => first.body.destroy())
  // The connection may fail before the generator reads from it: that is no unhandled event, it is seen on reading.
  first.body.on('error', () => {})
  return body
}

/** Opens an object or a range of it (ObjectStore.get). The head of the answer is in `info`; failures of the bytes come through the stream. */
export const readObject = async (
  reader: ObjectReader,
  key: string,
  options: GetOptions = {},
): Promise<{ info: ObjectInfo; body: Readable }> => {
  const { range, signal } = options
  if (range?.length === 0) throw new StoreError('invalid', `a range of ${reader.name}/${key} without bytes`, key)
  return withRetry(reader.retry, signal, async () => {
    const first = await reader.open(key, options, range, signal)
    const start = range?.offset ?? 0
    if (range && start + first.length < Math.min(first.info.size, start + range.length)) {
      // A client's body that is destroyed before its end may say so as an event, which nobody else listens to.
      first.body.on('error', () => {}).destroy()
      throw new TransientError(cutOff({ reader, key }))
    }
    const pin = pinOf(first.info, options)
    const transfer: Transfer = { reader, key, pin, signal, start, end: start + first.length }
    if (first.length === 0) first.body.resume()
    if (range) return { info: first.info, body: streamOf(first, resumed(transfer, first)) }
    if (isSmall(first)) {
      const chunks = await collect(transfer, first)
      return { info: first.info, body: Readable.from(chunks, { objectMode: false }) }
    }
    return {
      info: first.info,
      body: streamOf(first, checked(transfer, first, checkerFor(first.info.checksums, reader.summer))),
    }
  })
}
