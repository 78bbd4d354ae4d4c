import type { StoredDataset } from '../api/move.ts'
import { layoutKey, versionKey } from '../manifest/keys.ts'
import { commitBytes, type LayoutRecord, layoutBytes, parseCommit, parseLayout } from '../manifest/records.ts'
import type { CommitRecord } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { failedAs, putIf } from './conditional.ts'
import { readSmall } from './read-small.ts'
import { readTombstone } from './sweep/tombstones.ts'

const layoutOf = (dataset: StoredDataset, created: string): LayoutRecord => ({
  layout: 1,
  dataset: { namespace: dataset.namespace, name: dataset.name },
  uid: dataset.uid,
  created,
})

/** Tries to put; false: somebody else was there, look again. */
const tried = async (work: Promise<unknown>): Promise<boolean> => {
  try {
    await work
    return true
  } catch (error) {
    if (failedAs(error, 'exists', 'changed')) return false
    throw error
  }
}

/** One look and at most one write; true: the directory is ours. */
const claimOnce = async (
  store: ObjectStore,
  prefix: string,
  dataset: StoredDataset,
  now: () => Date,
  signal?: AbortSignal,
): Promise<boolean> => {
  const key = layoutKey(prefix)
  const options = signal ? { signal } : {}
  const found = await readSmall(store, key, signal)
  if (!found) {
    const bytes = layoutBytes(layoutOf(dataset, now().toISOString()))
    return tried(putIf(store, key, bytes, { ifAbsent: true }, options))
  }
  const layout = parseLayout(found.bytes)
  if (layout.uid === dataset.uid) return true
  if (!dataset.adopt) {
    throw new MoveFailure(
      'AdoptionRequired',
      `${store.name}/${prefix} holds what another Dataset of this name left (uid ${layout.uid}): set spec.adopt: true to take its versions over, or choose another store prefix`,
    )
  }
  const bytes = layoutBytes(layoutOf(dataset, layout.created))
  const guard = found.info.etag === undefined ? {} : { ifMatch: found.info.etag }
  return tried(putIf(store, key, bytes, guard, options))
}

/**
 * Makes sure that a Dataset's directory is its own: LAYOUT.json is written if it isn't there. Another uid in it: `AdoptionRequired`, or with
 * `dataset.adopt` it is taken over. `now` is used for a new LAYOUT.json only.
 */
export const claimDirectory = async (
  store: ObjectStore,
  prefix: string,
  dataset: StoredDataset,
  now: () => Date,
  signal?: AbortSignal,
): Promise<void> => {
  for (let look = 0; look < 5; look++) if (await claimOnce(store, prefix, dataset, now, signal)) return
  throw new MoveFailure('CommitConflict', `${store.name}/${layoutKey(prefix)} is being changed by somebody else`)
}

/** Whether a record that is there is what an earlier try of the same intent left. */
const sameIntent = (there: CommitRecord, record: CommitRecord): boolean =>
  there.dataset.uid === record.dataset.uid &&
  there.sequence === record.sequence &&
  there.createdAt === record.createdAt &&
  there.parent === record.parent

const existing = async (store: ObjectStore, key: string, record: CommitRecord, signal?: AbortSignal) => {
  const found = await readSmall(store, key, signal)
  if (!found) return undefined
  const there = parseCommit(found.bytes, key)
  if (sameIntent(there, record)) return there
  throw new MoveFailure(
    'CommitConflict',
    `${store.name}/${key} was committed by somebody else: two clusters or two Datasets share this prefix; give each its own`,
    [key],
  )
}

export interface CommitOptions {
  /** The version in whose manifest the record's own may refer to bytes of others. */
  builtOn?: number | undefined
  /** ms since 1970 */
  now?: (() => number) | undefined
  /** Called right before the put; fails if it comes too late. */
  inTime?: (() => void) | undefined
}

/** Between the last look and the put: far longer than that takes. A version that stays for less is as good as gone. */
const margin = 600_000

const checkAlive = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  builtOn: number | undefined,
  now: number,
  signal?: AbortSignal,
): Promise<void> => {
  if (await readTombstone(store, prefix, sequence, signal))
    throw new MoveFailure(
      'CommitConflict',
      `v${sequence} was given up: what it holds is made a version under a new number`,
    )
  if (builtOn === undefined) return
  const grave = await readTombstone(store, prefix, builtOn, signal)
  const there = await store.head(versionKey(prefix, builtOn), signal ? { signal } : {})
  if (there !== undefined && (grave === undefined || Date.parse(grave.until) - now > margin)) return
  throw new MoveFailure(
    'BaseGone',
    `v${builtOn}, to whose bytes v${sequence} refers, is being deleted: they are uploaded again`,
  )
}

/**
 * Writes the commit record; this put is the commit. A record that is there already with the same Dataset and intent *is* the version (an earlier
 * try got that far) and is returned in place of `record`; any other is `CommitConflict`. All that the record names must be stored before. A number that
 * was given up is refused, and so is one that refers to a version which is going (`BaseGone`): looked at right before the put.
 */
export const commit = async (
  store: ObjectStore,
  prefix: string,
  record: CommitRecord,
  { builtOn, now = () => Date.now(), inTime = () => {} }: CommitOptions = {},
  signal?: AbortSignal,
): Promise<CommitRecord> => {
  const key = versionKey(prefix, record.sequence)
  // Looked at first: a store that ignores conditions must not overwrite what is there.
  const before = await existing(store, key, record, signal)
  if (before) return before
  await checkAlive(store, prefix, record.sequence, builtOn, now(), signal)
  inTime()
  const options = { contentType: 'application/json', ...(signal ? { signal } : {}) }
  if (await tried(putIf(store, key, commitBytes(record), { ifAbsent: true }, options))) return record
  const there = await existing(store, key, record, signal)
  if (there) return there
  throw new MoveFailure('CommitConflict', `${store.name}/${key} was there and is gone: somebody deletes in this prefix`)
}

/** The record of a version, if it was committed. */
export const readCommit = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  signal?: AbortSignal,
): Promise<CommitRecord | undefined> => {
  const key = versionKey(prefix, sequence)
  const found = await readSmall(store, key, signal)
  return found && parseCommit(found.bytes, key)
}
