import { tombstoneKey, tombstonesPrefix } from '../../manifest/keys.ts'
import { parseTombstone, type Tombstone, tombstoneBytes } from '../../manifest/marks.ts'
import { type ObjectStore, StoreError } from '../../stores/object-store.ts'
import { putIf } from '../conditional.ts'
import { readSmall } from '../read-small.ts'
import { numbersIn } from './numbers.ts'

/** The tombstone of a number, if it has one. */
export const readTombstone = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  signal?: AbortSignal,
): Promise<Tombstone | undefined> => {
  const key = tombstoneKey(prefix, sequence)
  const found = await readSmall(store, key, signal)
  return found && parseTombstone(found.bytes, key)
}

/** All tombstones, by number. */
export const readTombstones = async (
  store: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<Map<number, Tombstone>> => {
  const found = new Map<number, Tombstone>()
  for (const sequence of await numbersIn(store, tombstonesPrefix(prefix), signal)) {
    const tombstone = await readTombstone(store, prefix, sequence, signal)
    if (tombstone) found.set(sequence, tombstone)
  }
  return found
}

/** Writes a tombstone unless there is one. Returns whether it was written. */
export const writeTombstone = async (
  store: ObjectStore,
  prefix: string,
  tombstone: Tombstone,
  signal: AbortSignal,
): Promise<boolean> => {
  try {
    const options = { contentType: 'application/json', signal }
    await putIf(store, tombstoneKey(prefix, tombstone.sequence), tombstoneBytes(tombstone), { ifAbsent: true }, options)
    return true
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'exists') return false
    throw error
  }
}
