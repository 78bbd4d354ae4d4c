import { isUtf8 } from 'node:buffer'
import type { BigIntStats } from 'node:fs'
import { lstat, readlink } from 'node:fs/promises'
import { sortedNames } from '../lib/sorted-names.ts'

/** Something that is not a directory, as a walk finds it. */
export interface Found {
  /** Relative to the root; bytes that are no UTF-8 as U+FFFD, with `kind` other. */
  p: string
  kind: 'file' | 'link' | 'other'
  /** Of `other`: what it is, as words behind its name in a sentence. */
  what?: string
  size: number
  /** Of links. */
  target?: string
  executable: boolean
  /** Nanoseconds; with the inode they tell whether a file was touched since. */
  mtime: bigint
  ctime: bigint
  inode: bigint
  /** Bytes that it takes on the disk. */
  allocated: number
}

/** How many lstat calls are under way at a time. */
const lookahead = 64

const kindOf = (stats: BigIntStats): Pick<Found, 'kind' | 'what'> => {
  if (stats.isFile()) return { kind: 'file' }
  if (stats.isSymbolicLink()) return { kind: 'link' }
  if (stats.isSocket()) return { kind: 'other', what: 'is a socket' }
  if (stats.isFIFO()) return { kind: 'other', what: 'is a named pipe' }
  return { kind: 'other', what: 'is a device' }
}

const foundOf = async (root: string, path: string, stats: BigIntStats): Promise<Found> => ({
  p: path,
  ...kindOf(stats),
  size: Number(stats.size),
  executable: (stats.mode & 0o111n) !== 0n,
  mtime: stats.mtimeNs,
  ctime: stats.ctimeNs,
  inode: stats.ino,
  allocated: Number(stats.blocks) * 512,
  ...(stats.isSymbolicLink() ? await linkOf(`${root}/${path}`) : {}),
})

const gone = (error: unknown): boolean =>
  ['ENOENT', 'ENOTDIR', 'EINVAL', 'ESTALE'].includes((error as NodeJS.ErrnoException).code ?? '')

/** undefined for what went away, where that is to be expected. */
const unlessGone = async <T>(work: Promise<T>, living: boolean | undefined): Promise<T | undefined> => {
  try {
    return await work
  } catch (error) {
    if (living && gone(error)) return undefined
    throw error
  }
}

const linkOf = async (path: string): Promise<Partial<Found>> => {
  const target = await readlink(path, { encoding: 'buffer' })
  return isUtf8(target)
    ? { target: target.toString() }
    : { kind: 'other', what: 'is a symlink whose target is not UTF-8' }
}

type Named = { name: string; path: string; stats: BigIntStats } | { name: string; bad: true }

/** What goes away as a whole, where that is to be expected, has no names. */
async function* namesOf(dir: string, ignore: string[], living: boolean | undefined): AsyncGenerator<string[]> {
  try {
    yield* sortedNames(dir, (name) => !ignore.includes(name))
  } catch (error) {
    if (!living || !gone(error)) throw error
  }
}

async function* statAll(
  root: string,
  prefix: string,
  batches: AsyncIterable<string[]>,
  living?: boolean,
): AsyncGenerator<Named> {
  const look = async (name: string): Promise<Named | undefined> => {
    const bytes = Buffer.from(name, 'latin1')
    if (!isUtf8(bytes)) return { name, bad: true }
    const path = `${prefix}${bytes.toString()}`
    const stats = await unlessGone(lstat(`${root}/${path}`, { bigint: true }), living)
    return stats && { name, path, stats }
  }
  for await (const names of batches)
    for (let at = 0; at < names.length; at += lookahead) {
      const seen = await Promise.all(names.slice(at, at + lookahead).map(look))
      yield* seen.filter((one) => one !== undefined)
    }
}

const notUtf8 = (prefix: string, name: string): Found => {
  const p = `${prefix}${Buffer.from(name, 'latin1').toString()}`
  const nothing = { size: 0, executable: false, mtime: 0n, ctime: 0n, inode: 0n, allocated: 0 }
  return { p, kind: 'other', what: 'is a name that is not UTF-8', ...nothing }
}

/**
 * All that is below `root` and no directory, in the byte order of the paths, as manifests have them. `lost+found` at the root is left out, and
 * so is `ignore`. `living`: somebody writes meanwhile, so what goes away on the way is no error. Follows no symlink. Holds some of the names of the directories on the way, no more.
 *
 * A directory `a` counts as `a/` and so comes behind `a-b`: it waits in `open` until the names that sort before it are through.
 */
export async function* walk(
  root: string,
  options: { ignore?: string; signal?: AbortSignal; living?: boolean } = {},
  prefix = '',
): AsyncGenerator<Found> {
  options.signal?.throwIfAborted()
  const ignore = prefix === '' ? ['lost+found', options.ignore ?? ''] : []
  const names = namesOf(`${root}/${prefix}`, ignore, options.living && prefix !== '')
  const open: { name: string; path: string }[] = []
  async function* enterBefore(name: string | undefined): AsyncGenerator<Found> {
    while (open.length > 0 && (name === undefined || `${open.at(-1)!.name}/` < name)) {
      const { path } = open.pop()!
      yield* walk(root, options, `${path}/`)
    }
  }
  for await (const item of statAll(root, prefix, names, options.living)) {
    yield* enterBefore(item.name)
    if ('bad' in item) yield notUtf8(prefix, item.name)
    else if (item.stats.isDirectory()) open.push({ name: item.name, path: item.path })
    else {
      const found = await unlessGone(foundOf(root, item.path, item.stats), options.living)
      if (found !== undefined) yield found
    }
  }
  yield* enterBefore(undefined)
}
