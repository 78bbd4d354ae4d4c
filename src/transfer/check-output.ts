import { joinEntries } from '../manifest/diff.ts'
import type { Entry } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import { isPlaced, type Output, placed } from './collect-output.ts'
import type { Filter } from './filter.ts'
import { type JournalLine, sameStamp } from './journal.ts'
import { forEach } from './pool.ts'
import { reading, walkReadable } from './survey.ts'
import { hashFile } from './tree.ts'
import { writersActive } from './upload.ts'
import type { Found } from './walk.ts'

const width = 16

const unchanged = async (data: string, found: Found, line: JournalLine, signal: AbortSignal): Promise<boolean> => {
  const { entry } = line
  if (found.kind === 'link') return entry.l === found.target
  if (found.kind !== 'file' || entry.s !== found.size || (entry.x === 1) !== found.executable) return false
  if (sameStamp(line.stamp, found)) return true
  // Touched, perhaps by no more than a chmod: the bytes decide.
  return (await reading(found.p, () => hashFile(`${data}/${found.p}`, found.size, signal))) === entry.h
}

/** Walks again: every file as when it was hashed, none new and none gone; otherwise `WritersActive` naming it. */
export const checkQuiet = (
  data: string,
  journal: AsyncIterable<JournalLine>,
  signal: AbortSignal,
  wanted?: Filter,
): Promise<void> =>
  forEach(
    joinEntries(walkReadable(data, signal, wanted), journal),
    width,
    async ({ a, b }, stop) => {
      if (b === undefined) throw writersActive(a!.p, 'appeared')
      if (a === undefined) throw writersActive(b.p, 'went away')
      if (!(await unchanged(data, a, b, stop))) throw writersActive(a.p, 'changed')
    },
    signal,
  )

const needsObject = ({ entry }: JournalLine) => entry.l === undefined && entry.o === undefined && entry.u === undefined

/** Reads every file once more, whatever its times say, and gives the names of those that are not what the journal says. */
export const checkTwice = async (
  data: string,
  journal: AsyncIterable<JournalLine>,
  signal: AbortSignal,
  wanted?: Filter,
): Promise<string[]> => {
  const changed: string[] = []
  const look = async ({ a, b }: { a?: Found; b?: JournalLine }, stop: AbortSignal) => {
    const same = a !== undefined && b !== undefined && (await sameBytes(data, a, b.entry, stop))
    if (!same) changed.push((a ?? b)!.p)
  }
  await forEach(joinEntries(walkReadable(data, signal, wanted), journal), width, look, signal)
  return changed.sort()
}

const sameBytes = async (data: string, found: Found, entry: Entry, signal: AbortSignal): Promise<boolean> => {
  if (found.kind === 'link') return entry.l === found.target
  if (found.kind !== 'file' || entry.s !== found.size) return false
  return (await hashFile(`${data}/${found.p}`, found.size, signal).catch(() => undefined)) === entry.h
}

/** Lists data/v<N>/: what the version needs must be there as it was uploaded. Returns how many objects it doesn't need. */
export const checkPlaced = async (
  output: Output,
  journal: AsyncIterable<JournalLine>,
  signal: AbortSignal,
): Promise<number> => {
  let strays = 0
  for await (const { a: line, b: object } of joinEntries(journal, placed(output, signal))) {
    if (line !== undefined && needsObject(line)) {
      if (isPlaced(line, object)) continue
      const what = object === undefined ? 'is not there' : 'is not what was uploaded'
      throw new MoveFailure(
        'Unreachable',
        `${line.p} ${what} in ${output.store.name} after its upload: it is tried again`,
        [line.p],
      )
    }
    if (object !== undefined) strays++
  }
  return strays
}
