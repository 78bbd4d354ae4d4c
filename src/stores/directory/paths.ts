import { join } from 'node:path'
import { StoreError } from '../object-store.ts'

/** Names of files that are being written; no key can have such a segment, and listings don't show them. */
export const unfinished = '.granary-put-'

/** Where the file of a key lies. Fails with `invalid` for keys that no directory can hold. */
export const pathOf = (root: string, name: string, key: string): string => {
  const bad = key
    .split('/')
    .some((segment) => segment === '' || segment === '.' || segment === '..' || segment.startsWith(unfinished))
  if (bad || key.includes('\0'))
    throw new StoreError('invalid', `${name} can't hold a file ${JSON.stringify(key)}`, key)
  return join(root, key)
}

/** What an error of the file system means for a key. */
export const fromSystem = (error: unknown, name: string, key?: string): unknown => {
  if (error instanceof StoreError) return error
  const code = (error as NodeJS.ErrnoException).code
  const where = key === undefined ? name : `${name}/${key}`
  switch (code) {
    case 'ENOENT':
      return key === undefined
        ? new StoreError('no-bucket', `the directory of ${name} does not exist`)
        : new StoreError('not-found', `${where} is not there`, key)
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
      return new StoreError('denied', `${where} may not be used by this process (${code})`, key)
    case 'ENOTDIR':
    case 'EISDIR':
    case 'ENAMETOOLONG':
    case 'EEXIST':
      return new StoreError('invalid', `${where} can't be a file there (${code})`, key)
    case 'ENOSPC':
    case 'EDQUOT': {
      const remedy = 'make room on its volume, or give it a bigger one'
      return new StoreError('full', `${where} can't be written, ${name} is full (${code}): ${remedy}`, key)
    }
    case 'EIO':
    case 'ESTALE':
      return new StoreError('unreachable', `${where} can't be read or written now (${code})`, key)
    default:
      return error
  }
}
