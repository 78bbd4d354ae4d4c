import { allData, allUploads, tombstoneKey, versionKey, versionsPrefix } from '../../manifest/keys.ts'
import type { Tombstone } from '../../manifest/marks.ts'
import type { ObjectStore } from '../../stores/object-store.ts'
import { directoriesIn, numbersIn } from './numbers.ts'

export interface GraceSpec {
  /** RFC 3339 */
  now: string
  tombstones: readonly { sequence: number; until: string }[]
  open: readonly number[]
  next: number
  settle: number
}

/** Whether somebody may be writing under this number, or will. */
export const isBusy = ({ open, next }: GraceSpec, sequence: number): boolean =>
  sequence >= next || open.includes(sequence)

/** Numbers under which something lies in the store though they never committed, and nobody is at it. */
const leftovers = async (store: ObjectStore, prefix: string, spec: GraceSpec, signal: AbortSignal) => {
  const committed = new Set(await numbersIn(store, versionsPrefix(prefix), signal))
  const used = [
    ...(await directoriesIn(store, allData(prefix), signal)),
    ...(await directoriesIn(store, allUploads(prefix), signal)),
  ]
  return [...new Set(used)].filter((n) => !committed.has(n) && !isBusy(spec, n))
}

/**
 * The tombstones that are asked for, and those of numbers that never committed: a commit that comes late finds them and is refused. Bytes go in a
 * later run at the earliest. None for numbers that have one.
 */
export const newTombstones = async (
  store: ObjectStore,
  prefix: string,
  spec: GraceSpec,
  known: ReadonlyMap<number, Tombstone>,
  signal: AbortSignal,
): Promise<Tombstone[]> => {
  const at = spec.now
  const until = new Date(Date.parse(at) + spec.settle).toISOString()
  const deleted = spec.tombstones
    .filter(({ sequence }) => !isBusy(spec, sequence))
    .map((one): Tombstone => ({ layout: 1, sequence: one.sequence, reason: 'Deleted', at, until: one.until }))
  const abandoned = (await leftovers(store, prefix, spec, signal)).map(
    (sequence): Tombstone => ({ layout: 1, sequence, reason: 'Abandoned', at, until }),
  )
  const all = new Map([...abandoned, ...deleted].map((tombstone) => [tombstone.sequence, tombstone]))
  return [...all.values()].filter(({ sequence }) => !known.has(sequence))
}

/** Tombstones whose grace is over. */
export const overdue = (tombstones: ReadonlyMap<number, Tombstone>, spec: GraceSpec): Tombstone[] =>
  [...tombstones.values()].filter(
    ({ sequence, reason, until }) =>
      reason !== 'Swept' && Date.parse(until) <= Date.parse(spec.now) && !isBusy(spec, sequence),
  )

/**
 * Takes the commit records away: from here on the versions are no more. A number that was given up but had committed before that was seen stays, and its
 * tombstone goes. Returns the numbers that are gone.
 */
export const endGraces = async (
  store: ObjectStore,
  prefix: string,
  tombstones: readonly Tombstone[],
  dryRun: boolean,
  signal: AbortSignal,
): Promise<number[]> => {
  const committed = new Set(await numbersIn(store, versionsPrefix(prefix), signal))
  const gone: number[] = []
  for (const { sequence, reason } of tombstones) {
    const stays = reason === 'Abandoned' && committed.has(sequence)
    const key = stays ? tombstoneKey(prefix, sequence) : versionKey(prefix, sequence)
    if (!dryRun && committed.has(sequence)) await store.remove([key], signal)
    if (!stays) gone.push(sequence)
  }
  return gone
}
