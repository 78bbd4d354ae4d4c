import { createHash } from 'node:crypto'
import { realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'

/** A path without symlinks, also of what is not there yet. */
export const realPath = (path: string): string => {
  try {
    return realpathSync(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || dirname(path) === path) throw error
    return join(realPath(dirname(path)), basename(path))
  }
}

/** The directory of the record for a copy: one for each source, destination and choice of files. */
export const recordDir = (stateDir: string, source: string, destination: string, globs: string[][]): string => {
  const hash = createHash('sha256').update(JSON.stringify([source, destination, globs]))
  return join(stateDir, hash.digest('hex').slice(0, 32))
}
