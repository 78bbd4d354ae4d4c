import { joinEntries } from '../manifest/diff.ts'
import type { Entry } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { Progress } from '../mover/progress.ts'
import { type ObjectStore, type PutOptions, StoreError } from '../stores/object-store.ts'
import { makeBudget } from './budget.ts'
import { copyFile } from './copy.ts'
import { makeFilter } from './filter.ts'
import { listed, type Mirroring, type Plan, planMirror, type There } from './mirror-plan.ts'
import { notingStore } from './noting-store.ts'
import { OwnWrites } from './own-writes.ts'
import { forEach, widest } from './pool.ts'

export interface Mirrored {
  written: number
  removed: number
  /** Symlinks, which an object store has not, and the first of them by name. */
  symlinks: number
  firstSymlinks: string[]
  /** Of the Dataset's own source: what a look finds there as long as nobody else writes. Absent: somebody else did, or it is another place. */
  fingerprint?: string
}

const width = 16
const budgetBytes = 96 * 1024 * 1024
const fileBytes = 32 * 1024 * 1024
const removeBatch = 1000

const conflict = (store: ObjectStore, keys: string[]) =>
  new MoveFailure(
    'DestinationChanged',
    `${store.name}/${keys[0]}${keys.length > 1 ? ` and ${keys.length - 1} more` : ''} ${keys.length > 1 ? 'are' : 'is'} not what was mirrored there: move it away, or set spec.writeBack.onConflict: Overwrite`,
    keys,
  )

/**
 * Deletes what the version lacks; a marker of an empty directory is nobody's data and stays, and so does what looks at the source leave out. Returns
 * how many.
 */
const prune = async (mirroring: Mirroring, own: OwnWrites, signal: AbortSignal): Promise<number> => {
  const concerned = makeFilter(mirroring.source ?? {})
  let removed = 0
  let surplus: string[] = []
  const remove = async () => {
    if (surplus.length > 0) await mirroring.store.remove(surplus, signal)
    removed += surplus.length
    surplus = []
  }
  for await (const { a, b } of joinEntries(mirroring.entries(), listed(mirroring, signal))) {
    if (a !== undefined || b === undefined || b.key.endsWith('/') || !concerned(b.p)) continue
    surplus.push(b.key)
    own.removed(b)
    if (surplus.length >= removeBatch) await remove()
  }
  await remove()
  return removed
}

/** How an object may be written: nothing that came or changed since it was judged is replaced. */
const conditionOf = (mirroring: Mirroring, object: There | undefined): PutOptions => {
  if (object === undefined) return mirroring.overwrite ? {} : { ifAbsent: true }
  return object.etag === undefined ? {} : { ifMatch: object.etag }
}

const writeAll = async (
  mirroring: Mirroring,
  { verdicts }: Plan,
  own: OwnWrites,
  progress: Progress,
  signal: AbortSignal,
): Promise<number> => {
  const { prefix, entries, origin } = mirroring
  const budget = makeBudget(budgetBytes)
  const etags = new Map<string, string | undefined>()
  const store = notingStore(mirroring.store, (key, { etag }) => etags.set(key, etag))
  let written = 0
  const write = async (entry: Entry, object: There | undefined, stop: AbortSignal) => {
    const key = `${prefix}${entry.p}`
    await copyFile(origin, entry, { store, key }, conditionOf(mirroring, object), stop).catch((error) => {
      const raced = error instanceof StoreError && ['exists', 'changed'].includes(error.failure)
      throw raced ? conflict(store, [key]) : error
    })
    own.wrote(entry.p, object, etags.get(key))
    etags.delete(key)
    written++
  }
  async function* files() {
    let index = 0
    for await (const entry of entries()) yield { entry, ...verdicts.get(index++) }
  }
  const settle = async (
    { entry, verdict, object }: { entry: Entry; verdict: string; object?: There },
    stop: AbortSignal,
  ) => {
    if (entry.l !== undefined) return
    if (verdict !== 'same') await budget.run(Math.min(entry.s!, fileBytes), () => write(entry, object, stop))
    progress.files(1)
    progress.bytes(entry.s!)
  }
  await forEach(files(), widest(mirroring.store, mirroring.origin.store), settle, signal)
  return written
}

/**
 * Makes plain objects of a version's files below a prefix. Files that are there with the same bytes are left; others are replaced only if they are what
 * is known to be there, or with `overwrite`. Nothing is deleted without `prune`. All is looked at first: a conflict ends it with `DestinationChanged`
 * before anything is written.
 */
export const mirrorVersion = async (
  mirroring: Mirroring,
  progress: Progress,
  signal: AbortSignal,
): Promise<Mirrored> => {
  const plan = await planMirror(mirroring, width, signal)
  if (plan.conflicts.length > 0) throw conflict(mirroring.store, plan.conflicts)
  const own = new OwnWrites()
  const written = await writeAll(mirroring, plan, own, progress, signal)
  // Last of all: a conflict may mean that this is the wrong place.
  const removed = mirroring.prune ? await prune(mirroring, own, signal) : 0
  const { symlinks, firstSymlinks, before } = plan
  const fingerprint = before === undefined ? undefined : await own.fingerprint(mirroring, before, signal)
  return { written, removed, symlinks, firstSymlinks, ...(fingerprint === undefined ? {} : { fingerprint }) }
}
