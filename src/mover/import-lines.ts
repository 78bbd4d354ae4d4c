import { joinEntries, sameContent } from '../manifest/diff.ts'
import type { Entry } from '../manifest/types.ts'
import { makeBudget } from '../transfer/budget.ts'
import { mapOrdered, widest } from '../transfer/pool.ts'
import type { SourceFile } from '../transfer/source.ts'
import type { Recorded } from '../transfer/source-record.ts'
import {
  type Imported,
  type ImportWorld,
  importFile,
  inherited,
  type Known,
  memoryOf,
  reusable,
} from './import-file.ts'

/** The memory that files may take together. */
const memory = 96 * 1024 * 1024

/** One path of source or parent: what the parent has there, and what the source has now. */
interface Line {
  before?: Entry
  after?: Entry
  /** What the next look knows the file by. */
  recorded?: Recorded | undefined
}

/** The files with what is known of them: from earlier looks, and from earlier attempts' copies. */
async function* withKnowledge({ recorded }: ImportWorld, files: AsyncIterable<SourceFile>): AsyncGenerator<Known> {
  async function* sides() {
    for await (const { a, b } of joinEntries(recorded.read(), recorded.copied()))
      yield { p: (a ?? b)!.p, ...(a && { recorded: a }), ...(b && { copied: b }) }
  }
  for await (const { a, b } of joinEntries(files, sides())) if (a !== undefined) yield { ...b, ...a }
}

const recordOf = (world: ImportWorld, { p, object }: SourceFile, { entry, etag }: Imported): Recorded | undefined => {
  const state = world.recorded.stateOf(object)
  if (state === undefined || entry.h === undefined) return undefined
  return { p, state, s: object.size, h: entry.h, ...(etag === undefined ? {} : { etag }) }
}

const linesOf = (
  world: ImportWorld,
  files: AsyncIterable<SourceFile>,
  parent: AsyncIterable<Entry>,
  signal: AbortSignal,
): AsyncGenerator<Line> => {
  const budget = makeBudget(memory)
  const one = async ({ a, b }: { a?: Known; b?: Entry }, stop: AbortSignal): Promise<Line> => {
    if (a === undefined) return { before: b! }
    const imported = await budget.run(memoryOf(world.mode, a.object.size), () => {
      stop.throwIfAborted()
      return importFile(world, a, b, stop)
    })
    world.progress.files(1)
    const line = { after: imported.entry, recorded: recordOf(world, a, imported) }
    return b === undefined ? line : { before: b, ...line }
  }
  const width = widest(world.store, world.source.store)
  return recording(world, mapOrdered(joinEntries(withKnowledge(world, files), parent), width, one, signal))
}

/** Writes down what was seen as it goes by. */
async function* recording(world: ImportWorld, lines: AsyncIterable<Line>): AsyncGenerator<Line> {
  for await (const line of lines) {
    if (line.recorded !== undefined) await world.recorded.add(line.recorded)
    yield line
  }
}

async function* none(): AsyncGenerator<never> {}

const isAsBefore = (world: ImportWorld, { before, after }: Line): boolean =>
  before !== undefined && after !== undefined && sameContent(before, after) && reusable(world, before)

/**
 * Imports all files and gives the new version's entries in order; `undefined` if the content is the parent's. Nothing is given out before the first
 * difference: up to there the parent's own lines, read once more, are the new ones. So an unchanged source leaves nothing behind.
 * Lines that point where the source is no more count as different, though the content is the same.
 */
export const importLines = async (
  world: ImportWorld,
  files: AsyncIterable<SourceFile>,
  readParent: (() => AsyncIterable<Entry>) | undefined,
  signal: AbortSignal,
): Promise<AsyncGenerator<Entry> | undefined> => {
  const lines = linesOf(world, files, readParent?.() ?? none(), signal)
  let equal = 0
  let next = await lines.next()
  while (!next.done && isAsBefore(world, next.value)) {
    equal++
    next = await lines.next()
  }
  if (next.done && readParent) return undefined
  return newLines(world, lines, next, equal, readParent)
}

async function* newLines(
  world: ImportWorld,
  lines: AsyncGenerator<Line>,
  first: IteratorResult<Line>,
  equal: number,
  readParent: (() => AsyncIterable<Entry>) | undefined,
): AsyncGenerator<Entry> {
  try {
    if (equal > 0) yield* firstInherited(world, equal, readParent!())
    for (let line = first; !line.done; line = await lines.next()) if (line.value.after) yield line.value.after
  } finally {
    await lines.return(undefined)
  }
}

async function* firstInherited(world: ImportWorld, count: number, parent: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  let left = count
  for await (const entry of parent) {
    yield inherited(entry, world.parent!)
    if (--left === 0) return
  }
}
