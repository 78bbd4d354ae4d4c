import { readFile } from 'node:fs/promises'
import { rootCertificates } from 'node:tls'
import { StoreError } from './object-store.ts'

/** The certificates to trust, in PEM: the usual ones and those of the file. Undefined without a file: the usual ones. */
export const readAuthorities = async (file: string | undefined): Promise<string[] | undefined> => {
  if (file === undefined) return undefined
  try {
    return [...rootCertificates, await readFile(file, 'utf8')]
  } catch {
    throw new StoreError('no-credentials', 'the ConfigMap named by caConfigMapName is missing or lacks the key ca.crt')
  }
}
