import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Entry } from '../manifest/types.ts'
import { type ObjectStore, type PutOptions, StoreError } from '../stores/object-store.ts'
import { fetchEntry, mismatch, type Origin, openEntry, readFailure } from './fetch.ts'

/** Up to this size a file is read whole and checked before it is written anywhere. */
const wholeBytes = 8 * 1024 * 1024
const wrong = (origin: Origin, entry: Entry) => mismatch(origin, entry, 'has another sha256 than the manifest says')

/** Hands a stream out range by range, in order, as an upload asks for them. */
const inRanges = (chunks: AsyncIterator<Buffer>, seen: (chunk: Buffer) => void) => {
  let rest: Buffer = Buffer.alloc(0)
  async function* take(length: number): AsyncGenerator<Buffer> {
    let left = length
    while (left > 0) {
      if (rest.length === 0) {
        const { value, done } = await chunks.next()
        if (done) return
        rest = value
      }
      const part = rest.subarray(0, left)
      rest = rest.subarray(part.length)
      left -= part.length
      seen(part)
      yield part
    }
  }
  return (_offset: number, length: number) => Readable.from(take(length), { objectMode: false })
}

const copyBig = async (
  origin: Origin,
  entry: Entry,
  to: { store: ObjectStore; key: string },
  options: PutOptions,
  signal: AbortSignal,
): Promise<void> => {
  const body = await openEntry(origin, entry, signal)
  const hash = createHash('sha256')
  let sourceError: unknown
  const chunks = (async function* () {
    try {
      yield* body as AsyncIterable<Buffer>
    } catch (error) {
      sourceError = error
      throw error
    }
  })()
  try {
    const open = inRanges(chunks, (chunk) => hash.update(chunk))
    await to.store.upload(to.key, entry.s!, open, { ...options, signal })
    // To its end: there the stream compares what came with the checksum that the store holds.
    for await (const _ of chunks) throw wrong(origin, entry)
    if (hash.digest('hex') === entry.h) return
  } catch (error) {
    if (sourceError === undefined) throw error
    await to.store.remove([to.key], signal)
    throw readFailure(origin, entry, sourceError)
  } finally {
    body.destroy()
  }
  await to.store.remove([to.key], signal)
  throw wrong(origin, entry)
}

/**
 * Copies a version's file to an object elsewhere. Size and sha256 are checked; of a file too big to be read whole first, what was written is
 * removed again if they are not right.
 */
export const copyFile = async (
  origin: Origin,
  entry: Entry,
  to: { store: ObjectStore; key: string },
  options: PutOptions,
  signal: AbortSignal,
): Promise<void> => {
  if (entry.s! > wholeBytes) return copyBig(origin, entry, to, options, signal)
  const bytes = Buffer.allocUnsafe(entry.s!)
  await fetchEntry(origin, entry, { bytes }, () => {}, signal)
  await to.store.put(to.key, bytes, { ...options, signal })
}

/** Whether an object has exactly a file's bytes: it is read whole unless its size tells. False if it changes meanwhile. */
export const holds = async (
  store: ObjectStore,
  object: { key: string; size: number; etag?: string },
  entry: Entry,
  signal: AbortSignal,
): Promise<boolean> => {
  if (object.size !== entry.s) return false
  const hash = createHash('sha256')
  try {
    const { body } = await store.get(object.key, {
      signal,
      ...(object.etag === undefined ? {} : { ifMatch: object.etag }),
    })
    for await (const chunk of body) hash.update(chunk as Buffer)
  } catch (error) {
    if (error instanceof StoreError && ['changed', 'not-found'].includes(error.failure)) return false
    throw error
  }
  return hash.digest('hex') === entry.h
}
