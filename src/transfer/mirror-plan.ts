import { joinEntries } from '../manifest/diff.ts'
import type { Entry } from '../manifest/types.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'
import { holds } from './copy.ts'
import type { Origin } from './fetch.ts'
import { forEach } from './pool.ts'
import type { SourceRules } from './source.ts'
import { type SourceListing, sourceListing } from './source-listing.ts'

export interface Mirroring {
  origin: Origin
  entries: () => AsyncIterable<Entry>
  /** Versions whose files may be replaced by those of this one: what was mirrored last, what was imported from there. Each is read once. */
  known: AsyncIterable<Entry>[]
  store: ObjectStore
  /** Empty, or ends in a slash. */
  prefix: string
  /** Delete what the version lacks. */
  prune: boolean
  overwrite: boolean
  /** Set where the place is the Dataset's own source: what its looks let through. */
  source?: SourceRules
}

export type There = ListedObject & { p: string }

/** An object as a listing gives it, with its path below the prefix. */
export async function* listed({ store, prefix }: Mirroring, signal: AbortSignal): AsyncGenerator<There> {
  for await (const object of store.list(prefix, { signal })) yield { ...object, p: object.key.slice(prefix.length) }
}

const codes = { absent: 0, same: 1, replace: 2 } as const
export type Verdict = keyof typeof codes

/** What becomes of each file of the version, by its place in the list: a byte each, so that a million of them cost a megabyte. */
export class Verdicts {
  #codes = new Uint8Array(4096)
  readonly #replaced = new Map<number, There>()

  set(index: number, verdict: Verdict, object?: There): void {
    if (index >= this.#codes.length) {
      const more = new Uint8Array(Math.max(this.#codes.length * 2, index + 1))
      more.set(this.#codes)
      this.#codes = more
    }
    this.#codes[index] = codes[verdict]
    if (verdict === 'replace' && object) this.#replaced.set(index, object)
  }

  /** The object is the one that is to be replaced, as it was judged. */
  get(index: number): { verdict: Verdict; object?: There } {
    const code = this.#codes[index] ?? codes.absent
    const object = this.#replaced.get(index)
    if (code === codes.replace && object) return { verdict: 'replace', object }
    return { verdict: code === codes.same ? 'same' : 'absent' }
  }
}

export interface Plan {
  verdicts: Verdicts
  /** Keys that hold what nobody of Granary wrote or read, and that are not to be overwritten. */
  conflicts: string[]
  /** Paths of symlinks: an object store has none. */
  symlinks: number
  firstSymlinks: string[]
  /** Of the Dataset's own source, if every file there was written or imported: the listing as it was. */
  before?: string
}

interface Place {
  p: string
  /** Of the entry in its list. */
  index: number
  entry?: Entry
  known: Entry[]
  object?: There
}

async function* nothing(): AsyncGenerator<never> {}

async function* places(
  mirroring: Mirroring,
  listing: SourceListing | undefined,
  signal: AbortSignal,
): AsyncGenerator<Place & { isFile: boolean }> {
  async function* seen() {
    for await (const object of listed(mirroring, signal)) yield { ...object, isFile: listing?.add(object) ?? false }
  }
  const [one = nothing(), other = nothing()] = mirroring.known
  async function* before() {
    for await (const { a, b } of joinEntries(one, other))
      yield { p: (a ?? b)!.p, entries: [a, b].filter((entry) => entry !== undefined) }
  }
  async function* wanted() {
    for await (const { a, b } of joinEntries(mirroring.entries(), before()))
      yield { p: (a ?? b)!.p, ...(a && { entry: a }), known: b?.entries ?? [] }
  }
  let index = 0
  for await (const { a, b } of joinEntries(wanted(), seen()))
    yield {
      p: (a ?? b)!.p,
      index: a?.entry === undefined ? -1 : index++,
      known: a?.known ?? [],
      isFile: b?.isFile ?? false,
      ...(a?.entry && { entry: a.entry }),
      ...(b && { object: b }),
    }
}

const anyHolds = async (
  mirroring: Mirroring,
  object: There,
  entries: Entry[],
  signal: AbortSignal,
): Promise<boolean> => {
  for (const entry of entries)
    if (entry.h !== undefined && (await holds(mirroring.store, object, entry, signal))) return true
  return false
}

const maxNamed = 5

/** Looks at everything before anything is written: what is to be done, and what stands in the way. */
export const planMirror = async (mirroring: Mirroring, width: number, signal: AbortSignal): Promise<Plan> => {
  const plan: Plan = { verdicts: new Verdicts(), conflicts: [], symlinks: 0, firstSymlinks: [] }
  const listing = mirroring.source && sourceListing(mirroring.prefix, mirroring.source)
  let strangers = 0
  const judge = async ({ index, entry, known, object, isFile }: Place & { isFile: boolean }, stop: AbortSignal) => {
    if (entry?.l !== undefined) {
      plan.symlinks++
      if (plan.firstSymlinks.length < maxNamed) plan.firstSymlinks.push(entry.p)
    }
    if (object === undefined) return
    if (entry === undefined || entry.l !== undefined) {
      if (isFile && !mirroring.prune && !(await anyHolds(mirroring, object, known, stop))) strangers++
    } else if (await anyHolds(mirroring, object, [entry], stop)) plan.verdicts.set(index, 'same')
    else if (mirroring.overwrite || (await anyHolds(mirroring, object, known, stop)))
      plan.verdicts.set(index, 'replace', object)
    else plan.conflicts.push(object.key)
  }
  await forEach(places(mirroring, listing, signal), width, judge, signal)
  plan.conflicts.sort()
  plan.firstSymlinks.sort()
  const before = listing?.digest()
  if (strangers === 0 && before !== undefined) plan.before = before
  return plan
}
