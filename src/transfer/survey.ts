import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { linkProblem, pathProblem } from '../manifest/paths.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { Filter } from './filter.ts'
import { LookAlikes } from './look-alikes.ts'
import { forEach } from './pool.ts'
import { type Found, walk } from './walk.ts'

/** The longest key that object stores take, in bytes. */
const maxKeyBytes = 1024
/** How many names of bad files a person is shown. */
const maxNames = 5
const width = 32

const denied = (error: unknown) => ['EACCES', 'EPERM'].includes((error as NodeJS.ErrnoException).code ?? '')

/** A file that the mover may not read: what to write depends on who runs it. */
export const unreadable = (path: string): MoveFailure => {
  const uid = process.getuid?.() ?? 0
  const remedy =
    'have the writer leave its files readable for its own user (chmod -R u+rX), or, if they belong to root, annotate the namespace with granary.dev/privileged-movers: "true"'
  return new MoveFailure(
    'UnreadableFiles',
    `${path} can't be read by uid ${uid}, as which this output is uploaded: ${remedy}`,
    [path],
  )
}

/** Runs work on a volume's file and names the file if it may not be read. */
export const reading = async <T>(path: string, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw denied(error) ? unreadable(path) : error
  }
}

/** Why it can't be in a version, as words behind its name; undefined: it can. */
export const problemOf = (found: Found, dataPrefix: string): string | undefined => {
  if (found.kind === 'other') return found.what
  const problem = pathProblem(found.p) ?? (found.kind === 'link' ? linkProblem(found.p, found.target!) : undefined)
  if (problem !== undefined || found.kind === 'link') return problem
  return Buffer.byteLength(dataPrefix) + Buffer.byteLength(found.p) > maxKeyBytes
    ? `is too long for a key below ${dataPrefix}`
    : undefined
}

export interface Survey {
  files: number
  bytes: number
  /** Names that some volumes don't tell apart. */
  warnings: string[]
}

/**
 * Looks through a volume before a byte is uploaded: what can't be in a version, or can't be read, ends it here, by name.
 * `dataPrefix`: where the files will lie in the store. `seen` is told of everything in the order of the walk.
 */
export const survey = async (
  data: string,
  dataPrefix: string,
  signal: AbortSignal,
  look: { wanted?: Filter; seen?: (found: Found) => void } = {},
): Promise<Survey> => {
  const lookAlikes = new LookAlikes()
  const seen: Survey = { files: 0, bytes: 0, warnings: lookAlikes.found }
  const bad: { path: string; problem: string }[] = []
  let unread: string | undefined
  const check = async (found: Found) => {
    const problem = problemOf(found, dataPrefix)
    if (problem !== undefined) bad.push({ path: found.p, problem })
    else lookAlikes.add(found.p)
    seen.files++
    if (found.kind !== 'file') return
    seen.bytes += found.size
    const refused = await access(`${data}/${found.p}`, constants.R_OK).then(() => false, denied)
    if (refused && (unread === undefined || found.p < unread)) unread = found.p
  }
  const all = watched(walkReadable(data, signal, look.wanted), look.seen)
  await forEach(all, width, check, signal)
  if (unread !== undefined) throw unreadable(unread)
  if (bad.length === 0) return seen
  const shown = bad.slice(0, maxNames).map(({ path, problem }) => `${JSON.stringify(path)} ${problem}`)
  const more = bad.length > shown.length ? `, and ${bad.length - shown.length} more` : ''
  throw new MoveFailure(
    'InvalidKeys',
    `what can't be in a version: ${shown.join('; ')}${more}. Have the writer rename or remove it`,
    bad.map(({ path }) => path),
  )
}

async function* watched(all: AsyncGenerator<Found>, seen: ((found: Found) => void) | undefined): AsyncGenerator<Found> {
  for await (const found of all) {
    seen?.(found)
    yield found
  }
}

/** A walk that names a directory which may not be read as a file would be. `wanted`: of all there is, these paths count. `living`: somebody writes meanwhile. */
export async function* walkReadable(
  data: string,
  signal: AbortSignal,
  wanted?: Filter,
  living = false,
): AsyncGenerator<Found> {
  try {
    for await (const found of walk(data, { signal, living })) if (wanted?.(found.p) ?? true) yield found
  } catch (error) {
    if (!denied(error)) throw error
    const path = (error as NodeJS.ErrnoException).path ?? data
    throw unreadable(path.slice(data.length + 1) || '.')
  }
}
