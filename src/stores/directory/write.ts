import { randomUUID } from 'node:crypto'
import { chmod, type FileHandle, link, mkdir, open, opendir, rename, rm, rmdir, stat, unlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Readable } from 'node:stream'
import { type ObjectInfo, type PutOptions, StoreError } from '../object-store.ts'
import { etagOf } from './etag.ts'
import { unfinished } from './paths.ts'

const codeOf = (error: unknown): string | undefined => (error as NodeJS.ErrnoException).code

/** Movers run as the user whose files they keep, so a directory of one must take files of another. */
const openToAll = 0o777

const makeDirectory = async (directory: string): Promise<void> => {
  const first = await mkdir(directory, { recursive: true })
  if (first === undefined) return
  for (let at = directory; ; at = dirname(at)) {
    await chmod(at, openToAll)
    if (at === first) return
  }
}

/** A directory may vanish between its making and its use, when the last file in it is removed: then once more. */
const inDirectory = async <T>(directory: string, work: () => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    await makeDirectory(directory)
    try {
      return await work()
    } catch (error) {
      if (codeOf(error) !== 'ENOENT' || attempt === 5) throw error
    }
  }
}

const openTemporary = (directory: string): Promise<{ handle: FileHandle; path: string }> =>
  inDirectory(directory, async () => {
    const path = join(directory, `${unfinished}${randomUUID()}`)
    return { handle: await open(path, 'wx', 0o644), path }
  })

const etagAt = async (path: string): Promise<string | undefined> => {
  try {
    return etagOf(await stat(path, { bigint: true }))
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined
    throw error
  }
}

/** Gives the finished file its name. `ifAbsent` is as atomic as link(2); `ifMatch` looks first, so it guards against the past, not against a race. */
const publish = async (temporary: string, path: string, key: string, options: PutOptions): Promise<void> => {
  if (options.ifAbsent) {
    try {
      await link(temporary, path)
    } catch (error) {
      throw codeOf(error) === 'EEXIST' ? new StoreError('exists', `${key} is there already`, key) : error
    }
    await unlink(temporary)
    return
  }
  if (options.ifMatch !== undefined && (await etagAt(path)) !== options.ifMatch)
    throw new StoreError('changed', `${key} is another object now than it was`, key)
  await rename(temporary, path)
}

/**
 * What has a condition is what others rest on, such as the record of a version: its name must be on the disk. File systems with a journal write the names
 * that were given before it along with it.
 */
const syncDirectory = async (directory: string): Promise<void> => {
  const handle = await open(directory, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes a file under a name that nobody sees, syncs it, and then gives it its own. */
export const writeFileAtomically = async (
  path: string,
  key: string,
  bytes: Readable | Uint8Array,
  size: number,
  options: PutOptions,
): Promise<ObjectInfo> => {
  const { handle, path: temporary } = await openTemporary(dirname(path))
  try {
    let written = 0
    const chunks = bytes instanceof Uint8Array ? [bytes] : (bytes as AsyncIterable<Uint8Array>)
    for await (const chunk of chunks) {
      options.signal?.throwIfAborted()
      await handle.write(chunk)
      written += chunk.length
    }
    if (written !== size) throw new StoreError('changed', `${key} is not as long as it was said to be`, key)
    await handle.sync()
    const etag = etagOf(await handle.stat({ bigint: true }))
    await publish(temporary, path, key, options)
    if (options.ifAbsent || options.ifMatch !== undefined) await syncDirectory(dirname(path))
    return { size, etag }
  } catch (error) {
    await rm(temporary, { force: true })
    throw error
  } finally {
    await handle.close()
  }
}

/** Removes a file, and the directories above it that are empty then, up to the root. */
export const removeFile = async (root: string, path: string): Promise<void> => {
  try {
    await unlink(path)
  } catch (error) {
    if (codeOf(error) === 'ENOENT' || codeOf(error) === 'ENOTDIR' || codeOf(error) === 'EISDIR') return
    throw error
  }
  for (let directory = dirname(path); directory !== root; directory = dirname(directory)) {
    try {
      await rmdir(directory)
    } catch {
      return
    }
  }
}

/** Removes what killed writers left in a directory (empty: the root, or ends in a slash) and below it; how many files. */
export const removeUnfinished = async (root: string, at: string, signal: AbortSignal | undefined): Promise<number> => {
  const directory = await opendir(join(root, at)).catch(() => undefined)
  if (directory === undefined) return 0
  let removed = 0
  for await (const entry of directory) {
    signal?.throwIfAborted()
    if (entry.isDirectory()) removed += await removeUnfinished(root, `${at}${entry.name}/`, signal)
    else if (entry.name.startsWith(unfinished)) {
      await rm(join(root, at, entry.name), { force: true })
      removed++
    }
  }
  return removed
}
