import { opendir, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { compareUtf8 } from '../../lib/utf8.ts'
import type { ListedObject } from '../object-store.ts'
import { etagOf } from './etag.ts'
import { unfinished } from './paths.ts'

interface Named {
  name: string
  directory: boolean
}

/** Entries in the order in which their keys sort: a directory stands where its name with a slash does. */
const sortedEntries = async (path: string): Promise<Named[]> => {
  const entries: Named[] = []
  for await (const entry of await opendir(path)) {
    if (entry.name.startsWith(unfinished)) continue
    if (entry.isDirectory() || entry.isFile()) entries.push({ name: entry.name, directory: entry.isDirectory() })
  }
  const sortName = ({ name, directory }: Named) => (directory ? `${name}/` : name)
  return entries.sort((a, b) => compareUtf8(sortName(a), sortName(b)))
}

const isGone = (error: unknown): boolean => ['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')

/** Files under `at` (empty, or ends in a slash) whose keys start with the prefix. What vanishes meanwhile is left out. */
export async function* listFiles(
  root: string,
  at: string,
  prefix: string,
  signal: AbortSignal | undefined,
): AsyncGenerator<ListedObject> {
  let entries: Named[]
  try {
    entries = await sortedEntries(join(root, at))
  } catch (error) {
    if (at !== '' && isGone(error)) return
    throw error
  }
  for (const { name, directory } of entries) {
    signal?.throwIfAborted()
    const key = `${at}${name}${directory ? '/' : ''}`
    if (directory) {
      if (key.startsWith(prefix) || prefix.startsWith(key)) yield* listFiles(root, key, prefix, signal)
      continue
    }
    if (!key.startsWith(prefix)) continue
    try {
      const found = await stat(join(root, key), { bigint: true })
      yield { key, size: Number(found.size), etag: etagOf(found), modified: Number(found.mtimeMs) }
    } catch (error) {
      if (!isGone(error)) throw error
    }
  }
}
