import { allData, allUploads, layoutKey, tombstonesPrefix, versionsPrefix } from '../manifest/keys.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { claimDirectory, readCommit } from '../transfer/commit.ts'
import { readSmall } from '../transfer/read-small.ts'
import { directoriesIn, numbersIn } from '../transfer/sweep/numbers.ts'
import { readTags } from '../transfer/sweep/tags.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { storedVersion } from './stored-version.ts'

/** Versions in one result: what a termination message can hold. */
const page = 10

/** The most that ten versions may take of a result's 3,500 bytes. */
const mostBytes = 3000

/** The highest number that anything has, committed or not: none of these may be given again. */
const highestOf = async (store: ObjectStore, prefix: string, known: readonly number[], signal: AbortSignal) =>
  Math.max(
    0,
    ...known,
    ...(await directoriesIn(store, allData(prefix), signal)),
    ...(await directoriesIn(store, allUploads(prefix), signal)),
  )

/** As many versions as fit; one that is too long alone loses its tags. */
const fitting = (versions: DoneOf<'Adopt'>['versions']): DoneOf<'Adopt'>['versions'] => {
  const size = (list: object) => Buffer.byteLength(JSON.stringify(list))
  const kept = [...versions]
  while (kept.length > 1 && size(kept) > mostBytes) kept.pop()
  const [only] = kept
  if (only === undefined || size(kept) <= mostBytes) return kept
  const { tags: _, ...rest } = only
  return [rest]
}

/**
 * Takes a Dataset's directory over if that is needed and allowed, and tells its committed versions, newest first, some at a time, with the tags that point
 * at them. A version that has a tombstone is on its way out: it is left to `Sweep`.
 */
export const runAdopt = async (deps: MoveDeps, spec: SpecOf<'Adopt'>): Promise<DoneOf<'Adopt'>> => {
  const { signal } = deps
  const store = await deps.openStore(spec.store)
  const prefix = spec.store.prefix
  // A directory that nobody has stays so: its first commit claims it. So a Dataset that never made a version leaves nothing that asks for adoption.
  if (await readSmall(store, layoutKey(prefix), signal))
    await claimDirectory(store, prefix, spec.dataset, () => new Date(), signal)
  const committed = await numbersIn(store, versionsPrefix(prefix), signal)
  const leaving = await numbersIn(store, tombstonesPrefix(prefix), signal)
  const before = spec.before ?? Number.POSITIVE_INFINITY
  const numbers = committed.filter((n) => n < before && !leaving.includes(n)).reverse()
  const tags = await readTags(store, prefix, signal)
  const found: DoneOf<'Adopt'>['versions'] = []
  for (const n of numbers.slice(0, page)) {
    const record = await readCommit(store, prefix, n, signal)
    if (record) found.push(storedVersion(record, tags))
  }
  const versions = fitting(found)
  const highest = spec.before === undefined ? await highestOf(store, prefix, [...committed, ...leaving], signal) : 0
  return {
    op: 'Adopt',
    outcome: 'Done',
    versions,
    more: numbers.length > versions.length,
    ...(highest === 0 ? {} : { highest }),
  }
}
