import { lstat } from 'node:fs/promises'
import * as z from 'zod'
import { joinEntries } from '../manifest/diff.ts'
import { checkpointKey, dataKey, dataPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { Progress } from '../mover/progress.ts'
import { type ObjectStore, StoreError } from '../stores/object-store.ts'
import {
  isPlaced,
  type Known,
  knowledge,
  type Output,
  placed,
  storedEntry,
  takenOver,
  uploadBudget,
} from './collect-output.ts'
import {
  findJournals,
  type JournalLine,
  type JournalWriter,
  mergeJournals,
  readJournal,
  type Stamp,
  sameStamp,
} from './journal.ts'
import { readWhole } from './manifest-store.ts'
import { mapOrdered } from './pool.ts'
import { problemOf } from './survey.ts'
import { uploadFile } from './upload.ts'

/** Which attempt's journal is whole: all that a checkpoint saw. */
const Mark = z.object({ attempt: z.int(), files: z.int(), bytes: z.int() })
export type Mark = z.output<typeof Mark>

/**
 * A file that was touched so short ago may be written again without a change of its times (pages of a mapped file are written back within half a minute). Its
 * bytes are saved, but whoever comes next hashes it again.
 */
const freshMs = 60_000
/** The stamp of no file. */
const never: Stamp = { mtime: 0n, ctime: 0n, inode: 0n }

export interface Saved {
  files: number
  bytes: number
  uploaded: number
  left: number
  names: string[]
}

const look = async (path: string): Promise<(Stamp & { size: number }) | undefined> => {
  try {
    const { mtimeNs: mtime, ctimeNs: ctime, ino: inode, size } = await lstat(path, { bigint: true })
    return { mtime, ctime, inode, size: Number(size) }
  } catch {
    return undefined
  }
}

/** It went, or changed, or may not be read: no reason to leave the others. */
const isOfOneFile = (error: unknown): boolean =>
  (error instanceof MoveFailure && (error.reason === 'WritersActive' || error.reason === 'UnreadableFiles')) ||
  ['ENOENT', 'ENOTDIR', 'ELOOP', 'ESTALE'].includes((error as NodeJS.ErrnoException).code ?? '')

interface Line extends JournalLine {
  /** Another object of this name, which an earlier checkpoint may need, was replaced. */
  replaced?: boolean
  uploaded?: number
}

const newest = ({ mtime, ctime }: Stamp): bigint => (mtime > ctime ? mtime : ctime)

/** Saves what is on a volume that is being written to, and is not saved yet. What changes while it is read is left for the next time. */
export const saveVolume = async (
  output: Output,
  earlier: AsyncIterable<JournalLine>,
  journal: JournalWriter,
  deps: { progress: Progress; now: () => number },
  signal: AbortSignal,
): Promise<Saved> => {
  const { data, store, prefix, sequence } = output
  const { progress } = deps
  const within = uploadBudget()
  const bring = async (known: Known, stop: AbortSignal): Promise<Line | undefined> => {
    const { p, found } = known
    const before = await look(`${data}/${p}`)
    if (found === undefined || before === undefined) return undefined
    const isFresh = newest(before) / 1_000_000n > BigInt(deps.now() - freshMs)
    const here = { ...known, found: { ...found, ...before } }
    const stored = await storedEntry(output, here, stop)
    const to = { store, turn: output.turn, key: dataKey(prefix, sequence, p), there: known.object }
    const upload = () => uploadFile(to, { root: data, path: p }, progress.bytes, stop)
    let line: Line
    if (stored !== undefined) {
      progress.bytes(before.size)
      line = { p, ...stored, stamp: before }
    } else {
      const { size, sha256, executable, etag } = await within(before.size, upload)
      const entry: Entry = { p, s: size, h: sha256, ...(executable ? { x: 1 } : {}) }
      line = { p, entry, stamp: before, ...(etag === undefined ? {} : { etag }), uploaded: size }
      if (known.object !== undefined) line.replaced = true
    }
    const after = await look(`${data}/${p}`)
    if (after === undefined || !sameStamp(before, after) || after.size !== line.entry.s) return undefined
    return isFresh ? { ...line, stamp: never } : line
  }
  const place = async (known: Known, stop: AbortSignal): Promise<{ p: string; line: Line | undefined }> => {
    const { p, found } = known
    if (found === undefined || problemOf(found, dataPrefix(prefix, sequence)) !== undefined)
      return { p, line: undefined }
    if (found.kind === 'link') return { p, line: { p, entry: { p, l: found.target ?? '' }, stamp: found } }
    if (takenOver(known)) {
      progress.bytes(found.size)
      return { p, line: known.line }
    }
    try {
      return { p, line: await bring(known, stop) }
    } catch (error) {
      if (isOfOneFile(error)) return { p, line: undefined }
      throw error
    }
  }
  const saved: Saved = { files: 0, bytes: 0, uploaded: 0, left: 0, names: [] }
  for await (const { p, line } of mapOrdered(knowledge(output, earlier, signal, true), output.store, place, signal)) {
    if (line === undefined) {
      saved.left++
      if (saved.names.length < 5) saved.names.push(p)
      continue
    }
    progress.files(1)
    saved.files++
    saved.bytes += line.entry.s ?? 0
    saved.uploaded += line.uploaded ?? 0
    await journal.add(line)
    // From here on the earlier checkpoint is whole only together with this line.
    if (line.replaced) await journal.flush()
  }
  await journal.flush()
  return saved
}

/** The last whole checkpoint of a version. */
export const readMark = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  signal: AbortSignal,
): Promise<Mark | undefined> => {
  try {
    const { bytes } = await readWhole(store, checkpointKey(prefix, sequence), 4096, signal)
    return Mark.parse(JSON.parse(bytes.toString()))
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
}

/** Names the checkpoint that is whole now, and lets go of what came before it. */
export const writeMark = async (
  output: Output,
  mark: Mark,
  older: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  const { store, prefix, sequence } = output
  await store.put(checkpointKey(prefix, sequence), Buffer.from(JSON.stringify(mark)), { signal })
  if (older.length > 0) await store.remove([...older], signal)
}

/**
 * The lines of the last whole checkpoint, as far as its objects are there; where a later attempt replaced one and wrote that down, its line. Fails with `Corrupt`
 * if there is none, or if the writer was lost while objects of it were being replaced.
 */
export const checkpointLines = async (
  output: Output,
  signal: AbortSignal,
): Promise<() => AsyncIterable<JournalLine>> => {
  const { store, prefix, sequence } = output
  const mark = await readMark(store, prefix, sequence, signal)
  if (mark === undefined) throw new MoveFailure('Corrupt', 'there is no whole checkpoint of this version in the store')
  const journals = await findJournals(store, prefix, sequence, signal)
  const later = new Map([...journals].filter(([attempt]) => attempt > mark.attempt))
  async function* lines(lost: string[]): AsyncGenerator<JournalLine> {
    const own = readJournal(store, journals.get(mark?.attempt ?? 0) ?? [], signal)
    const known = joinEntries(own, mergeJournals(store, later, signal))
    const named = (async function* () {
      for await (const { a, b } of known) if (a !== undefined) yield { p: a.p, a, b }
    })()
    for await (const { a: line, b: object } of joinEntries(named, placed(output, signal))) {
      if (line === undefined) continue
      const { entry } = line.a
      if (entry.l !== undefined || entry.o !== undefined || entry.u !== undefined || isPlaced(line.a, object))
        yield line.a
      else if (line.b?.etag !== undefined && isPlaced(line.b, object)) yield line.b
      else lost.push(line.p)
    }
  }
  const lost: string[] = []
  for await (const _ of lines(lost));
  if (lost.length === 0) return () => lines([])
  const shown = lost.slice(0, 5).join(', ')
  throw new MoveFailure(
    'Corrupt',
    `${lost.length} of the files of the last checkpoint were being replaced when the writer was lost (${shown}): what is there lies plain under ${dataPrefix(prefix, sequence)}; copy what you need, then abandon the version`,
    lost,
  )
}
