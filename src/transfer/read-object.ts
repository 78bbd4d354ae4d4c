import { createHash } from 'node:crypto'
import type { Readable } from 'node:stream'
import { MoveFailure } from '../mover/failure.ts'
import { type GetOptions, type ListedObject, type ObjectStore, StoreError } from '../stores/object-store.ts'

/** A listed object, and how to ask for that very state of it. */
export interface Pinned {
  store: ObjectStore
  object: ListedObject
  pin: Pick<GetOptions, 'version' | 'ifMatch'>
}

/** The state that was listed: by version where versions are kept, else by etag. */
export const pinned = (store: ObjectStore, object: ListedObject, byVersion: boolean): Pinned => {
  const version = byVersion ? object.version : undefined
  if (version !== undefined) return { store, object, pin: { version } }
  return { store, object, pin: object.etag === undefined ? {} : { ifMatch: object.etag } }
}

/** The source is not what its listing said. */
export const drifted = ({ store, object }: Pinned, what: string): MoveFailure =>
  new MoveFailure(
    'SourceDrifted',
    `${store.name}/${object.key} ${what} while it was read: it is tried again; let writers finish before a sync`,
    [object.key],
  )

const driftOf = (pinned: Pinned, error: unknown): unknown => {
  if (!(error instanceof StoreError)) return error
  if (error.failure === 'not-found') return drifted(pinned, 'was deleted')
  if (error.failure === 'changed') return drifted(pinned, 'was changed')
  return error
}

const open = async (source: Pinned, signal: AbortSignal): Promise<Readable> => {
  const { info, body } = await source.store.get(source.object.key, { ...source.pin, signal })
  if (info.size === source.object.size) return body
  body.destroy()
  throw drifted(source, 'was changed')
}

/** The bytes of the object as it was listed, exactly as many; `SourceDrifted` if it is another one now. */
export async function* readPinned(source: Pinned, signal: AbortSignal): AsyncGenerator<Buffer> {
  let length = 0
  try {
    for await (const chunk of (await open(source, signal)) as AsyncIterable<Buffer>) {
      length += chunk.length
      yield chunk
    }
  } catch (error) {
    throw driftOf(source, error)
  }
  if (length !== source.object.size) throw drifted(source, 'has another length than it had')
}

/** Bytes that differ from the store's own checksum are worth a second look: mostly it was the way and not the disk. */
const tries = 3

/** Runs `work`, again if the bytes that came were damaged. */
export const untilSound = async <T>(work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    try {
      return await work()
    } catch (error) {
      const damaged = error instanceof StoreError && error.failure === 'corrupt'
      if (!damaged || attempt === tries) throw error
    }
  }
}

/** Objects up to this size are hashed out of memory. */
const inMemory = 256 * 1024

/** All of a small object, and its sha256. `see` hears of bytes as they come; negative counts take back what has to come once more. */
export const readObject = async (
  source: Pinned,
  see: (bytes: number) => void,
  signal: AbortSignal,
): Promise<{ bytes: Buffer; sha256: string }> => {
  const { store, object, pin } = source
  const bytes = Buffer.allocUnsafe(object.size)
  try {
    const how = { ...pin, size: object.size, onBytes: see, signal }
    return { bytes, sha256: (await store.download(object.key, { bytes }, how)).sha256 }
  } catch (error) {
    throw driftOf(source, error)
  }
}

/** Reads an object once, telling `see` how many bytes came, and returns its sha256. */
export const hashObject = async (
  source: Pinned,
  see: (bytes: number) => void,
  signal: AbortSignal,
): Promise<string> => {
  const { store, object, pin } = source
  if (object.size <= inMemory) return (await readObject(source, see, signal)).sha256
  if (store.sum !== undefined) {
    try {
      return (await store.sum(object.key, { ...pin, size: object.size, onBytes: see, signal })).sha256
    } catch (error) {
      throw driftOf(source, error)
    }
  }
  return untilSound(async () => {
    const hash = createHash('sha256')
    for await (const chunk of readPinned(source, signal)) {
      hash.update(chunk)
      see(chunk.length)
    }
    return hash.digest('hex')
  })
}
