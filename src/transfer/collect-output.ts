import { joinEntries } from '../manifest/diff.ts'
import { dataKey, dataPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import type { Progress } from '../mover/progress.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'
import { makeBudget } from './budget.ts'
import type { Filter } from './filter.ts'
import { type JournalLine, type JournalWriter, sameStamp } from './journal.ts'
import { mapOrdered } from './pool.ts'
import { fileState, type Recorded } from './source-record.ts'
import { reading, walkReadable } from './survey.ts'
import { hashFile } from './tree.ts'
import type { Turn } from './turn.ts'
import { uploadFile } from './upload.ts'
import type { Found } from './walk.ts'

export interface Output {
  data: string
  store: ObjectStore
  /** The Dataset's directory in the store. */
  prefix: string
  sequence: number
  turn: Turn
  /** The version that the writer started from: its number and entries. */
  base?: { sequence: number; entries: () => AsyncIterable<Entry> }
  /** Which paths belong to the version; absent: all. */
  wanted?: Filter
  /** What is known of files from an earlier version of the same directory. */
  recorded?: () => AsyncIterable<Recorded>
}

/** The bytes of files under way that may be in memory. */
const budgetBytes = 96 * 1024 * 1024
/** About what one upload holds at most: the parts in flight and the one being read. */
const uploadBytes = 32 * 1024 * 1024

type Placed = ListedObject & { p: string }

/** What lies under data/v<N>/, by path. */
export async function* placed(output: Output, signal: AbortSignal): AsyncGenerator<Placed> {
  const prefix = dataPrefix(output.prefix, output.sequence)
  for await (const object of output.store.list(prefix, { signal }))
    yield { ...object, p: object.key.slice(prefix.length) }
}

/** Whether the object is what the journal says was uploaded. */
export const isPlaced = (line: JournalLine, object: Placed | undefined): boolean =>
  object !== undefined &&
  object.size === line.entry.s &&
  (line.etag === undefined || object.etag === undefined || object.etag === line.etag)

export interface Known {
  p: string
  line?: JournalLine
  object?: Placed
  base?: Entry
  recorded?: Recorded
  found?: Found
}

/** All that is known of each path: the file, what earlier attempts wrote down and uploaded, and the base's line. */
export async function* knowledge(
  output: Output,
  earlier: AsyncIterable<JournalLine>,
  signal: AbortSignal,
  living = false,
): AsyncGenerator<Known> {
  async function* nothing(): AsyncGenerator<never> {}
  async function* sides<A extends { p: string }, B extends { p: string }, K extends string, L extends string>(
    left: AsyncIterable<A>,
    k: K,
    right: AsyncIterable<B>,
    l: L,
  ) {
    for await (const { a, b } of joinEntries(left, right))
      yield { p: (a ?? b)!.p, [k]: a, [l]: b } as { p: string } & Record<K, A | undefined> & Record<L, B | undefined>
  }
  const stored = sides(earlier, 'line', placed(output, signal), 'object')
  const before = sides<Entry, Recorded, 'base', 'recorded'>(
    output.base?.entries() ?? nothing(),
    'base',
    output.recorded?.() ?? nothing(),
    'recorded',
  )
  const known = sides(stored, 'stored', before, 'before')
  const all = walkReadable(output.data, signal, output.wanted, living)
  for await (const { p, found, known: old } of sides(all, 'found', known, 'known')) {
    if (found === undefined) continue
    const { line, object } = old?.stored ?? {}
    yield { p, found, ...defined({ line, object, base: old?.before?.base, recorded: old?.before?.recorded }) }
  }
}

const defined = <T extends object>(fields: T) =>
  Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined)) as {
    [K in keyof T]?: Exclude<T[K], undefined>
  }

/** A line of the new version for a file that the base has with the same bytes: it points where the base's does. */
const sameAsBase = (base: Entry, baseSequence: number, executable: boolean): Entry => {
  const { p, s, h, u } = base
  const content: Entry = { p, s: s!, h: h!, ...(executable ? { x: 1 } : {}) }
  return u === undefined ? { ...content, o: base.o ?? baseSequence } : { ...content, u }
}

const isHere = ({ line, object }: Known): boolean => {
  if (line === undefined) return false
  const elsewhere = line.entry.o !== undefined || line.entry.u !== undefined
  return elsewhere || isPlaced(line, object)
}

/** An earlier attempt has seen this very file, and what it did with it is still there. */
export const takenOver = (known: Known): boolean => {
  const { found, line } = known
  if (line === undefined || found?.kind !== 'file' || line.entry.l !== undefined) return false
  return sameStamp(line.stamp, found) && line.entry.s === found.size && isHere(known)
}

/** The entry for a file whose bytes are in the store already, from an earlier attempt or from the base, though it was touched since; undefined: it is to be uploaded. */
export const storedEntry = async (
  output: Output,
  known: Known,
  signal: AbortSignal,
): Promise<Pick<JournalLine, 'entry' | 'etag'> | undefined> => {
  const { p, found, line, base } = known
  if (found === undefined) return undefined
  const fromLine = line?.entry.h !== undefined && line.entry.s === found.size && isHere(known) ? line : undefined
  const fromBase = output.base !== undefined && base?.h !== undefined && base.s === found.size ? base : undefined
  if (fromLine === undefined && fromBase === undefined) return undefined
  const recorded = known.recorded?.state === fileState(found) ? known.recorded.h : undefined
  const sha256 = recorded ?? (await reading(p, () => hashFile(`${output.data}/${p}`, found.size, signal)))
  if (fromLine !== undefined && sha256 === fromLine.entry.h) {
    const { x: _, ...entry } = fromLine.entry
    const { etag } = fromLine
    return {
      entry: { ...entry, ...(found.executable ? { x: 1 as const } : {}) },
      ...(etag === undefined ? {} : { etag }),
    }
  }
  if (fromBase === undefined || sha256 !== fromBase.h) return undefined
  return { entry: sameAsBase(fromBase, output.base?.sequence ?? 0, found.executable) }
}

/** Uploads of a mover share their memory: bytes that may be held at a time. */
export const uploadBudget = () => {
  const budget = makeBudget(budgetBytes)
  return <T>(size: number, work: () => Promise<T>): Promise<T> => budget.run(Math.min(size, uploadBytes), work)
}

/**
 * Brings every file of the volume into the store, except what the base or an earlier attempt already has there, and writes a journal line for each,
 * in path order.
 */
export const collectOutput = async (
  output: Output,
  earlier: AsyncIterable<JournalLine>,
  journal: JournalWriter,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> => {
  const { data, store } = output
  const within = uploadBudget()
  const place = async (known: Known, stop: AbortSignal): Promise<JournalLine> => {
    const found = known.found!
    const { p } = found
    const stamp = { mtime: found.mtime, ctime: found.ctime, inode: found.inode }
    if (found.kind === 'link') return { p, entry: { p, l: found.target! }, stamp }
    if (takenOver(known)) {
      progress.bytes(found.size)
      return known.line!
    }
    const stored = await storedEntry(output, known, stop)
    if (stored !== undefined) {
      progress.bytes(found.size)
      return { p, ...stored, stamp }
    }
    const key = dataKey(output.prefix, output.sequence, p)
    const to = { store, turn: output.turn, key, there: known.object }
    const upload = () => uploadFile(to, { root: data, path: p }, progress.bytes, stop)
    const { size, sha256, executable, stamp: read, etag } = await within(found.size, upload)
    const entry: Entry = { p, s: size, h: sha256, ...(executable ? { x: 1 } : {}) }
    return { p, entry, stamp: read, ...(etag === undefined ? {} : { etag }) }
  }
  for await (const line of mapOrdered(knowledge(output, earlier, signal), store, place, signal)) {
    progress.files(1)
    await journal.add(line)
  }
  await journal.flush()
}
