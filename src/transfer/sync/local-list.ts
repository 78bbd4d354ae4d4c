import { isUtf8 } from 'node:buffer'
import { type Dirent, lstatSync, readdirSync, readlinkSync, type Stats } from 'node:fs'
import { lstat } from 'node:fs/promises'
import { linkProblem, pathProblem } from '../../manifest/paths.ts'
import type { Identity, Item } from '../plan.ts'
import { unreadablePlace } from './failures.ts'

/** Where files are while they are written, at the root of a destination; no listing shows it. */
export const scratchName = '.granary-partial'

const batchLength = 512
/** Milliseconds that one lstat may take on the average to be made in this thread; file systems of a network go through the pool. */
const quick = 0.05

/** What changes whenever somebody touches a file, a chmod included. */
export const identityOf = ({ ino, mtimeMs, ctimeMs }: Pick<Stats, 'ino' | 'mtimeMs' | 'ctimeMs'>): Identity => [
  ino,
  mtimeMs,
  ctimeMs,
]

export const itemOf = (p: string, stats: Stats): Item => ({
  p,
  size: stats.size,
  id: identityOf(stats),
  x: (stats.mode & 0o111) !== 0,
})

interface Frame {
  /** Empty, or ends in a slash. */
  prefix: string
  /** Names with one character per byte, which JavaScript sorts as bytes; those of directories end in a slash. */
  names: string[]
  at: number
}

const readFrame = (root: string, prefix: string): Frame => {
  let entries: Dirent[]
  try {
    entries = readdirSync(`${root}/${prefix}`, { withFileTypes: true, encoding: 'latin1' })
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'ENOENT' || (code === 'ENOTDIR' && prefix !== '')) return { prefix, names: [], at: 0 }
    throw code === 'EACCES' || code === 'EPERM' ? unreadablePlace(`${root}/${prefix}`, code) : error
  }
  const hidden = (name: string) => prefix === '' && (name === scratchName || name === 'lost+found')
  const names = entries.flatMap((entry) =>
    hidden(entry.name) ? [] : [entry.isDirectory() ? `${entry.name}/` : entry.name],
  )
  return { prefix, names: names.sort(), at: 0 }
}

const plainAscii = /^[\x20-\x7e]*$/

/** The name as text; undefined: its bytes are no UTF-8. */
const decoded = (name: string): string | undefined => {
  if (plainAscii.test(name)) return name
  const bytes = Buffer.from(name, 'latin1')
  return isUtf8(bytes) ? bytes.toString() : undefined
}

const noEntry = { throwIfNoEntry: false } as const

/** lstat of many: at once in this thread while that is quick, else as many at a time as the pool takes. */
class Stater {
  readonly #root: string
  #slow = false

  constructor(root: string) {
    this.#root = root
  }

  async all(paths: string[]): Promise<(Stats | undefined)[]> {
    if (this.#slow)
      return Promise.all(
        paths.map((path) =>
          lstat(`${this.#root}/${path}`).catch((error) => {
            if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined
            throw error
          }),
        ),
      )
    const start = performance.now()
    const found = paths.map((path) => lstatSync(`${this.#root}/${path}`, noEntry))
    this.#slow = performance.now() - start > quick * paths.length && paths.length > 16
    return found
  }
}

export interface LocalProblem {
  p: string
  /** Words behind the path in a sentence. */
  problem: string
}

const kindProblem = (stats: Stats): string | undefined => {
  if (stats.isFile()) return undefined
  if (stats.isSocket()) return 'is a socket'
  if (stats.isFIFO()) return 'is a named pipe'
  return 'is a device'
}

/**
 * Files and symlinks below a directory, in the byte order of their paths, as items. What can't be copied goes to `refuse` instead. Follows no
 * symlink; a root that is not there is empty. Holds the names of the directories on the way.
 */
export async function* listLocal(
  root: string,
  refuse: (problem: LocalProblem) => void,
  signal: AbortSignal,
): AsyncGenerator<Item[]> {
  const stater = new Stater(root)
  const frames = [readFrame(root, '')]
  let paths: string[] = []
  const toItem = (p: string, stats: Stats): Item | undefined => {
    if (!stats.isSymbolicLink()) {
      const problem = kindProblem(stats) ?? pathProblem(p)
      if (problem === undefined) return itemOf(p, stats)
      refuse({ p, problem })
      return undefined
    }
    const target = readlinkSync(`${root}/${p}`, 'buffer')
    const l = target.toString()
    const problem = pathProblem(p) ?? (isUtf8(target) ? linkProblem(p, l) : 'is a symlink whose target is not UTF-8')
    if (problem === undefined) return { p, size: 0, id: identityOf(stats), l }
    refuse({ p, problem })
    return undefined
  }
  const take = async () => {
    signal.throwIfAborted()
    const stats = await stater.all(paths)
    const items = stats.flatMap((each, i) => (each === undefined ? [] : (toItem(paths[i]!, each) ?? [])))
    paths = []
    return items
  }
  for (let frame = frames.at(-1); frame !== undefined; frame = frames.at(-1)) {
    const raw = frame.names[frame.at++]
    if (raw === undefined) {
      frames.pop()
      continue
    }
    const name = decoded(raw)
    if (name === undefined)
      refuse({ p: `${frame.prefix}${Buffer.from(raw, 'latin1')}`, problem: 'is a name that is not UTF-8' })
    else if (name.endsWith('/')) frames.push(readFrame(root, `${frame.prefix}${name}`))
    else if (paths.push(`${frame.prefix}${name}`) >= batchLength) yield await take()
  }
  if (paths.length > 0) yield await take()
}
