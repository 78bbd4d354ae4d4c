import { ManifestError } from './error.ts'
import { linkProblem, pathProblem } from './paths.ts'
import type { Entry } from './types.ts'

const hex64 = /^[0-9a-f]{64}$/
const keys = new Set(['p', 's', 'h', 'x', 'l', 'o', 'u'])
const externalKeys = new Set(['b', 'k', 'v', 'e'])

// ECMAScript fixes every byte that JSON.stringify makes of a string or a safe integer; the order of the keys is ours.
const text = (value: string) => JSON.stringify(value)

/** The line without `o` and `u`: what the content digest is made of. No line feed. */
export const contentLine = (entry: Entry): string => {
  if (entry.l !== undefined) return `{"p":${text(entry.p)},"l":${text(entry.l)}}`
  return `{"p":${text(entry.p)},"s":${entry.s},"h":"${entry.h}"${entry.x ? ',"x":1' : ''}}`
}

const externalPart = ({ b, k, v, e }: NonNullable<Entry['u']>) =>
  `{"b":${text(b)},"k":${text(k)}${v === undefined ? '' : `,"v":${text(v)}`}${e === undefined ? '' : `,"e":${text(e)}`}}`

/** The canonical line of an entry, as it stands in a shard. No line feed. */
export const entryLine = (entry: Entry): string => {
  const content = contentLine(entry)
  if (entry.o !== undefined) return `${content.slice(0, -1)},"o":${entry.o}}`
  if (entry.u !== undefined) return `${content.slice(0, -1)},"u":${externalPart(entry.u)}}`
  return content
}

const isCount = (value: unknown, least: number) => Number.isSafeInteger(value) && (value as number) >= least
const isText = (value: unknown) => typeof value === 'string' && value !== '' && value.isWellFormed()

const externalProblem = (u: unknown): string | undefined => {
  if (typeof u !== 'object' || u === null) return 'has no valid external object'
  const { b, k, v, e } = u as Record<string, unknown>
  const known = Object.keys(u).every((key) => externalKeys.has(key))
  const pinned = (v === undefined) !== (e === undefined) && isText(v ?? e)
  return known && isText(b) && isText(k) && pinned ? undefined : 'has no valid external object'
}

const fileProblem = ({ s, h, x, o, u }: Entry): string | undefined => {
  if (!isCount(s, 0)) return 'has no valid size'
  if (typeof h !== 'string' || !hex64.test(h)) return 'has no valid sha256'
  if (x !== undefined && x !== 1) return 'has an `x` that is not 1'
  if (o !== undefined && !isCount(o, 1)) return 'has an `o` that is no version number'
  if (u === undefined) return undefined
  return o === undefined ? externalProblem(u) : 'has both `o` and `u`'
}

/** Why an entry can't be in a manifest, as words that follow its path; undefined: it can. Checks everything that one line shows alone. */
export const entryProblem = (entry: Entry): string | undefined => {
  if (typeof entry.p !== 'string') return 'has no path'
  const bad = pathProblem(entry.p)
  if (bad !== undefined) return bad
  if (entry.l === undefined) return fileProblem(entry)
  const { s, h, x, o, u } = entry
  if ([s, h, x, o, u].some((value) => value !== undefined)) return 'is a symlink with fields of a file'
  return typeof entry.l === 'string' ? linkProblem(entry.p, entry.l) : 'is a symlink without a target'
}

/** Reads one line, strictly: an unknown key, or any other spelling than the canonical one, is refused with a ManifestError. */
export const parseLine = (line: string): Entry => {
  let entry: Entry
  try {
    entry = JSON.parse(line)
  } catch {
    throw new ManifestError('a line of the manifest is no JSON')
  }
  if (typeof entry !== 'object' || entry === null) throw new ManifestError('a line of the manifest is no object')
  const unknown = Object.keys(entry).find((key) => !keys.has(key))
  if (unknown !== undefined) throw new ManifestError(`a line of the manifest has the unknown key ${text(unknown)}`)
  const problem = entryProblem(entry)
  if (problem !== undefined) throw new ManifestError(`a path in the manifest ${problem}`, String(entry.p))
  if (entryLine(entry) !== line) throw new ManifestError('a line of the manifest is not in its canonical form', entry.p)
  return entry
}
