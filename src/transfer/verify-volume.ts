import { join } from 'node:path'
import { joinEntries } from '../manifest/diff.ts'
import type { Entry } from '../manifest/types.ts'
import type { Progress } from '../mover/progress.ts'
import { type Findings, inPart } from './findings.ts'
import { forEach } from './pool.ts'
import { reading, walkReadable } from './survey.ts'
import { hashFile } from './tree.ts'
import type { Found } from './walk.ts'

/** Files that are read at a time. */
const width = 8

const shapeProblem = (entry: Entry, found: Found): string | undefined => {
  if (entry.l !== undefined)
    return found.kind === 'link' && found.target === entry.l ? undefined : `is no symlink to ${entry.l}`
  if (found.kind !== 'file') return 'is no file'
  if (found.size !== entry.s) return `has ${found.size} bytes on the volume and not ${entry.s}`
  return found.executable === (entry.x === 1) ? undefined : 'has another executable bit than the manifest says'
}

/**
 * Compares a volume with the files of a version: names, sizes, symlinks and executable bits, and if `bytes` is given also the sha256 of the files
 * in that part. What the version lacks is bad too.
 */
export const verifyVolume = async (
  data: string,
  entries: AsyncIterable<Entry>,
  bytes: { part: { n: number; of: number } | undefined } | undefined,
  findings: Findings,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> => {
  const problemOf = async (entry: Entry, found: Found, stop: AbortSignal): Promise<string | undefined> => {
    const problem = shapeProblem(entry, found)
    if (problem !== undefined || entry.l !== undefined || !bytes || !inPart(entry.p, bytes.part)) return problem
    const sha256 = await reading(entry.p, () => hashFile(join(data, entry.p), found.size, stop))
    progress.bytes(found.size)
    return sha256 === entry.h ? undefined : 'has another sha256 on the volume than the manifest says'
  }
  const check = async ({ a, b }: { a?: Entry; b?: Found }, stop: AbortSignal) => {
    if (a === undefined) {
      if (b !== undefined) findings.add(b.p, 'is on the volume and not in the version')
      return
    }
    const problem = b === undefined ? 'is gone from the volume' : await problemOf(a, b, stop)
    if (problem !== undefined) findings.add(a.p, problem)
    findings.seen(a.s ?? 0)
    progress.files(1)
  }
  await forEach(joinEntries(entries, walkReadable(data, signal)), width, check, signal)
}
