import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { StoreError } from '../object-store.ts'

export interface AccessKeys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string
}

const readKey = async (directory: string, name: string): Promise<string | undefined> => {
  try {
    return (await readFile(join(directory, name), 'utf8')).trim() || undefined
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined
    throw new StoreError('no-credentials', `the credentials file ${name} can't be read (${code ?? 'Error'})`)
  }
}

/** The keys of a mounted Secret, one file each. Fails with `no-credentials`, naming the key that is missing. */
export const readAccessKeys = async (directory: string, store: string): Promise<AccessKeys> => {
  const [accessKeyId, secretAccessKey, sessionToken] = await Promise.all([
    readKey(directory, 'AWS_ACCESS_KEY_ID'),
    readKey(directory, 'AWS_SECRET_ACCESS_KEY'),
    readKey(directory, 'AWS_SESSION_TOKEN'),
  ])
  if (accessKeyId && secretAccessKey) {
    return { accessKeyId, secretAccessKey, ...(sessionToken ? { sessionToken } : {}) }
  }
  const missing = accessKeyId ? 'AWS_SECRET_ACCESS_KEY' : 'AWS_ACCESS_KEY_ID'
  throw new StoreError(
    'no-credentials',
    `no credentials for ${store}: the Secret is missing or lacks the key ${missing}; create it in the Dataset's namespace`,
  )
}
