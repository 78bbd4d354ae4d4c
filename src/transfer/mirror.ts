import { joinEntries } from '../manifest/diff.ts'
import type { Entry } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { Progress } from '../mover/progress.ts'
import { type ListedObject, type ObjectStore, type PutOptions, StoreError } from '../stores/object-store.ts'
import { makeBudget } from './budget.ts'
import { copyFile, holds } from './copy.ts'
import type { Origin } from './fetch.ts'
import { forEach } from './pool.ts'

export interface Mirroring {
  origin: Origin
  entries: () => AsyncIterable<Entry>
  /** Of the version that was mirrored last: what still is what it says was put there by us. */
  previous?: AsyncIterable<Entry>
  store: ObjectStore
  /** Empty, or ends in a slash. */
  prefix: string
  /** Delete what the version lacks. */
  prune: boolean
  overwrite: boolean
}

export interface Mirrored {
  written: number
  removed: number
  /** Symlinks: an object store has none. */
  skipped: number
}

const width = 16
const budgetBytes = 96 * 1024 * 1024
const fileBytes = 32 * 1024 * 1024
const removeBatch = 1000

type There = ListedObject & { p: string }

async function* listed({ store, prefix }: Mirroring, signal: AbortSignal): AsyncGenerator<There> {
  for await (const object of store.list(prefix, { signal })) yield { ...object, p: object.key.slice(prefix.length) }
}

interface Place {
  p: string
  entry?: Entry
  previous?: Entry
  object?: There
}

async function* places(mirroring: Mirroring, signal: AbortSignal): AsyncGenerator<Place> {
  async function* nothing(): AsyncGenerator<Entry> {}
  async function* wanted() {
    for await (const { a, b } of joinEntries(mirroring.entries(), mirroring.previous ?? nothing()))
      yield { p: (a ?? b)!.p, ...(a && { entry: a }), ...(b && { previous: b }) }
  }
  for await (const { a, b } of joinEntries(wanted(), listed(mirroring, signal)))
    yield { p: (a ?? b)!.p, ...a, ...(b && { object: b }) }
}

const conflict = (store: ObjectStore, keys: string[]) =>
  new MoveFailure(
    'DestinationChanged',
    `${store.name}/${keys[0]}${keys.length > 1 ? ` and ${keys.length - 1} more` : ''} ${keys.length > 1 ? 'are' : 'is'} not what was mirrored there: move it away, or set spec.writeBack.onConflict: Overwrite`,
    keys,
  )

/** How an object may be written, or why not. */
const condition = async (
  mirroring: Mirroring,
  { entry, previous, object }: Place,
  signal: AbortSignal,
): Promise<PutOptions | 'same' | 'conflict'> => {
  if (object === undefined) return mirroring.overwrite ? {} : { ifAbsent: true }
  if (await holds(mirroring.store, object, entry!, signal)) return 'same'
  const ours = previous?.h !== undefined && (await holds(mirroring.store, object, previous, signal))
  if (!ours && !mirroring.overwrite) return 'conflict'
  return object.etag === undefined ? {} : { ifMatch: object.etag }
}

/** Deletes what the version lacks; a marker of an empty directory is nobody's data and stays. Returns how many. */
const prune = async (mirroring: Mirroring, signal: AbortSignal): Promise<number> => {
  let removed = 0
  let surplus: string[] = []
  const remove = async () => {
    if (surplus.length > 0) await mirroring.store.remove(surplus, signal)
    removed += surplus.length
    surplus = []
  }
  for await (const { a, b } of joinEntries(mirroring.entries(), listed(mirroring, signal))) {
    if (a !== undefined || b === undefined || b.key.endsWith('/')) continue
    surplus.push(b.key)
    if (surplus.length >= removeBatch) await remove()
  }
  await remove()
  return removed
}

/**
 * Makes plain objects of a version's files below a prefix. Files that are there with the same bytes are left; others are replaced only if they are what
 * was mirrored last, or with `overwrite`. Nothing is deleted without `prune`. Conflicts end it with `DestinationChanged` once all else is done.
 */
export const mirrorVersion = async (
  mirroring: Mirroring,
  progress: Progress,
  signal: AbortSignal,
): Promise<Mirrored> => {
  const { store, prefix } = mirroring
  const done: Mirrored = { written: 0, removed: 0, skipped: 0 }
  const budget = makeBudget(budgetBytes)
  const conflicts: string[] = []
  const write = async (place: Place, entry: Entry, stop: AbortSignal) => {
    const key = `${prefix}${place.p}`
    const options = await condition(mirroring, place, stop)
    if (options === 'conflict') conflicts.push(key)
    else if (options !== 'same') {
      await copyFile(mirroring.origin, entry, { store, key }, options, stop).catch((error) => {
        throw error instanceof StoreError && ['exists', 'changed'].includes(error.failure)
          ? conflict(store, [key])
          : error
      })
      done.written++
    }
    progress.files(1)
    progress.bytes(entry.s!)
  }
  const settle = async (place: Place, stop: AbortSignal) => {
    const { entry } = place
    if (entry?.l !== undefined) done.skipped++
    else if (entry !== undefined) await budget.run(Math.min(entry.s!, fileBytes), () => write(place, entry, stop))
  }
  await forEach(places(mirroring, signal), width, settle, signal)
  if (conflicts.length > 0) throw conflict(store, conflicts.sort())
  // Last of all: a conflict may mean that this is the wrong place.
  if (mirroring.prune) done.removed = await prune(mirroring, signal)
  return done
}
