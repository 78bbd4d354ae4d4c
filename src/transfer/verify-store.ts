import { createHash } from 'node:crypto'
import { dataKey, dataPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { Progress } from '../mover/progress.ts'
import { type ObjectStore, StoreError } from '../stores/object-store.ts'
import { mismatch, type Origin, openEntry, readFailure, sourceOf } from './fetch.ts'
import type { Findings } from './findings.ts'
import { Listed } from './listed.ts'
import { forEach } from './pool.ts'

/** Files that are read at a time. */
const width = 16
/** A body that came altered may have been altered on the way: it is read this often before the store is blamed. */
const tries = 2

/** What is wrong with an external object, as its source's listing tells; where it has moved on, the object is asked itself. */
const externalProblem = async (
  source: ObjectStore,
  listed: Listed,
  u: NonNullable<Entry['u']>,
  prefix: string,
  size: number,
  signal: AbortSignal,
): Promise<string | undefined> => {
  const current = await listed.find(prefix, u.k)
  const isCurrent = u.v === undefined || current?.version === u.v
  const found = isCurrent ? current : await source.head(u.k, { version: u.v as string, signal })
  if (found === undefined) return 'is gone from the source'
  if (u.v === undefined && found.etag !== u.e) return 'is another object in the source than it was'
  return found.size === size ? undefined : 'has another size in the source than the manifest says'
}

const ownProblem = async (origin: Origin, listed: Listed, { p, s, o }: Entry): Promise<string | undefined> => {
  const sequence = o ?? origin.sequence
  const found = await listed.find(dataPrefix(origin.prefix, sequence), dataKey(origin.prefix, sequence, p))
  if (found === undefined) return 'is gone from the store'
  return found.size === s ? undefined : `has ${found.size} bytes in the store and not ${s}`
}

/** Compares a version's files with listings of where their bytes are: they are there, and have their sizes. Reads none. `sourcePrefix`: where the source is listed. */
export const verifyListing = async (
  origin: Origin,
  sourcePrefix: string,
  entries: AsyncIterable<Entry>,
  findings: Findings,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> => {
  const own = new Listed(origin.store, { signal })
  const external = origin.source && new Listed(origin.source.store, { versions: true, signal })
  const problemOf = async (entry: Entry) => {
    if (entry.u === undefined || external === undefined) return ownProblem(origin, own, entry)
    return externalProblem(sourceOf(origin, entry), external, entry.u, sourcePrefix, entry.s ?? 0, signal)
  }
  try {
    for await (const entry of entries) {
      if (entry.l !== undefined) continue
      if (entry.u !== undefined) sourceOf(origin, entry)
      const problem = await problemOf(entry)
      if (problem !== undefined) findings.add(entry.p, problem)
      findings.seen(entry.s ?? 0)
      progress.files(1)
    }
  } finally {
    await own.close()
    await external?.close()
  }
}

const digestOf = async (origin: Origin, entry: Entry, progress: Progress, signal: AbortSignal): Promise<string> => {
  const body = await openEntry(origin, entry, signal)
  const hash = createHash('sha256')
  try {
    for await (const chunk of body as AsyncIterable<Buffer>) {
      hash.update(chunk)
      progress.bytes(chunk.length)
    }
  } finally {
    body.destroy()
  }
  return hash.digest('hex')
}

const readSound = async (origin: Origin, entry: Entry, progress: Progress, signal: AbortSignal): Promise<void> => {
  for (let attempt = 1; attempt <= tries; attempt++) {
    try {
      if ((await digestOf(origin, entry, progress, signal)) === entry.h) return
    } catch (error) {
      const damaged = error instanceof StoreError && error.failure === 'corrupt'
      if (!damaged || attempt === tries) throw readFailure(origin, entry, error)
    }
  }
  throw mismatch(origin, entry, 'has another sha256 than the manifest says')
}

/** Reads every byte of these files and compares their sha256. */
export const verifyBytes = async (
  origin: Origin,
  entries: AsyncIterable<Entry>,
  findings: Findings,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> => {
  const check = async (entry: Entry, stop: AbortSignal) => {
    if (entry.l !== undefined) return
    try {
      await readSound(origin, entry, progress, stop)
    } catch (error) {
      const isBad = error instanceof MoveFailure && ['Corrupt', 'SourceDrifted'].includes(error.reason)
      if (!isBad) throw error
      findings.add(entry.p, error.message)
    }
    findings.seen(entry.s ?? 0)
    progress.files(1)
  }
  await forEach(entries, width, check, signal)
}
