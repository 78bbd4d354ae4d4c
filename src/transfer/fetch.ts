import type { Readable } from 'node:stream'
import { dataKey } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import { type ObjectStore, StoreError, type Target } from '../stores/object-store.ts'
import { type Width, widest } from './pool.ts'

/** Where the bytes of a version's files are. */
export interface Origin {
  store: ObjectStore
  /** The Dataset's directory in the store. */
  prefix: string
  /** The version's number: where lines without `o` and `u` have their bytes. */
  sequence: number
  /** Where `u` lines point, and the bucket it is opened for. */
  source?: { store: ObjectStore; bucket: string }
}

/** A file's bytes are not what the manifest says: in the store that is damage, in the source a change that somebody made. */
export const mismatch = (origin: Origin, entry: Entry, what: string): MoveFailure => {
  const { u } = entry
  if (u === undefined)
    return new MoveFailure('Corrupt', `${entry.p} of v${entry.o ?? origin.sequence} in ${origin.store.name} ${what}`, [
      entry.p,
    ])
  const place = `${origin.source?.store.name ?? u.b}/${u.k}`
  const advice =
    'a version that only refers to its source needs the source unchanged: sync to make a new version, or use import: Copy'
  return new MoveFailure('SourceDrifted', `${place} ${what}: ${advice}`, [entry.p])
}

const locate = (
  origin: Origin,
  entry: Entry,
): { store: ObjectStore; key: string; pin: { version?: string; ifMatch?: string } } => {
  const { u } = entry
  if (u === undefined)
    return { store: origin.store, key: dataKey(origin.prefix, entry.o ?? origin.sequence, entry.p), pin: {} }
  const pin = u.v === undefined ? { ifMatch: u.e! } : { version: u.v }
  return { store: sourceOf(origin, entry), key: u.k, pin }
}

/** The store that an external object lies in, if it is the one that the Dataset's source names. */
export const sourceOf = (origin: Origin, { p, u }: Entry): ObjectStore => {
  if (origin.source !== undefined && origin.source.bucket === u?.b) return origin.source.store
  throw new MoveFailure(
    'InvalidSpec',
    `the version refers to the bucket ${u?.b}, and the Dataset's source is another one: put the old source back, or use a newer version`,
    [p],
  )
}

const gone: Partial<Record<StoreError['failure'], string>> = {
  'not-found': 'is gone',
  changed: 'is another object than it was',
  corrupt: 'differs from its own checksum',
}

/** The error of a store while a file is read, named by the file where the file is what is wrong. */
export const readFailure = (origin: Origin, entry: Entry, error: unknown): unknown => {
  const what = error instanceof StoreError ? gone[error.failure] : undefined
  return what === undefined ? error : mismatch(origin, entry, what)
}

/** A file's bytes, of the very object that the manifest names. Neither size nor sha256 is checked yet. */
export const openEntry = async (origin: Origin, entry: Entry, signal: AbortSignal): Promise<Readable> => {
  const { store, key, pin } = locate(origin, entry)
  try {
    const { info, body } = await store.get(key, { ...pin, signal })
    if (info.size === entry.s) return body
    body.destroy()
  } catch (error) {
    throw readFailure(origin, entry, error)
  }
  throw mismatch(origin, entry, 'has another size than the manifest says')
}

/** Brings a file into a file or memory of its size, checked against size and sha256. */
export const fetchEntry = async (
  origin: Origin,
  entry: Entry,
  target: Target,
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<void> => {
  const { store, key, pin } = locate(origin, entry)
  try {
    await store.download(key, target, { ...pin, size: entry.s!, sha256: entry.h!, onBytes, signal })
  } catch (error) {
    const damaged = error instanceof StoreError && error.failure === 'corrupt'
    throw damaged
      ? mismatch(origin, entry, 'has another sha256 than the manifest says')
      : readFailure(origin, entry, error)
  }
}

/** How many files are worth having under way. */
export const widthOf = ({ store, source }: Origin): Width => widest(store, ...(source ? [source.store] : []))
