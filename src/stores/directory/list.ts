import { lstat } from 'node:fs/promises'
import { join } from 'node:path'
import { sortedNames } from '../../lib/sorted-names.ts'
import type { ListedObject } from '../object-store.ts'
import { etagOf } from './etag.ts'
import { unfinished } from './paths.ts'

/** How many files are looked at at a time. */
const lookahead = 64

const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

const bytesOf = (text: string): string => Buffer.from(text).toString('latin1')

type Seen = { name: string; key: string } & ({ directory: true } | { directory: false; object: ListedObject })

/** What a name is now; undefined for what is gone, and for what is neither file nor directory. */
const lookAt = async (root: string, at: string, name: string): Promise<Seen | undefined> => {
  const key = `${at}${Buffer.from(name, 'latin1').toString()}`
  try {
    const found = await lstat(join(root, key), { bigint: true })
    if (found.isDirectory()) return { name, key: `${key}/`, directory: true }
    if (!found.isFile()) return undefined
    const object = { key, size: Number(found.size), etag: etagOf(found), modified: Number(found.mtimeMs) }
    return { name, key, directory: false, object }
  } catch (error) {
    if (isGone(error)) return undefined
    throw error
  }
}

async function* look(root: string, at: string, prefix: string, signal: AbortSignal | undefined): AsyncGenerator<Seen> {
  const wanted = bytesOf(prefix.slice(at.length))
  const keep = (name: string) => name.startsWith(wanted) && !name.startsWith(unfinished)
  for await (const names of sortedNames(join(root, at), keep))
    for (let from = 0; from < names.length; from += lookahead) {
      signal?.throwIfAborted()
      const seen = await Promise.all(names.slice(from, from + lookahead).map((name) => lookAt(root, at, name)))
      yield* seen.filter((one) => one !== undefined)
    }
}

/**
 * Files under `at` (empty, or ends in a slash, and no longer than the prefix or below it) whose keys start with the prefix, in the order of the keys. What vanishes
 * meanwhile is left out. A directory `a` stands where `a/` does, behind `a-b`: it waits in `open` until the names before it are through.
 */
export async function* listFiles(
  root: string,
  at: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedObject> {
  const open: { name: string; key: string }[] = []
  async function* enterBefore(name: string | undefined): AsyncGenerator<ListedObject> {
    while (open.length > 0 && (name === undefined || `${open.at(-1)!.name}/` < name))
      yield* listFiles(root, open.pop()!.key, prefix, signal)
  }
  try {
    for await (const seen of look(root, at, prefix, signal)) {
      yield* enterBefore(seen.name)
      if (seen.directory) open.push(seen)
      else yield seen.object
    }
  } catch (error) {
    if (at !== '' && isGone(error)) return
    throw error
  }
  yield* enterBefore(undefined)
}
