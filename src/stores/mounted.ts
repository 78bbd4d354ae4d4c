import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { unpackTexts } from '../lib/packed-texts.ts'
import { openDirectoryStore } from './directory/store.ts'
import type { HttpFile } from './files/http.ts'
import { openConfigMap, openSmallFiles } from './files/small.ts'
import { type ObjectStore, StoreError } from './object-store.ts'
import type { RetryPolicy } from './retry.ts'

/** Of an address, what is mounted rather than asked for. */
export interface MountedAddress {
  name: string
  /** A volume; it is written to if it is the store. */
  directory?: { label: string } | undefined
  configMap?: { name: string } | undefined
  /** What the file `document` holds. */
  document?: 'inline' | 'http' | undefined
  prefix?: string | undefined
}

interface MountedDeps {
  retry?: RetryPolicy | undefined
  stall?: number | undefined
}

const openDocument = async (deps: MountedDeps, directory: string): Promise<ObjectStore> => {
  const text = await readFile(join(directory, 'document'), 'utf8').catch(() => '{}')
  const inline = unpackTexts(text)
  const { http } = (inline === undefined ? JSON.parse(text) : {}) as { http?: HttpFile[] }
  if (http !== undefined)
    return (await import('./files/http.ts')).openHttpStore(http, { retry: deps.retry, stall: deps.stall })
  if (inline === undefined) throw new StoreError('invalid', 'the files of the source did not come with this pod')
  return openSmallFiles('inline', new Map([...inline].map(([path, content]) => [path, Buffer.from(content)])))
}

/** Movers of other users write there too: one runs as the writer whose files it keeps. */
const openToAll = 0o777

/** A volume as the store: its directory is made where it is not there yet, from the mount on. */
const openVolumeStore = async (directory: string, label: string, prefix: string): Promise<ObjectStore> => {
  let at = directory
  for (const segment of prefix.split('/').slice(0, -1)) {
    at = join(at, segment)
    const made = await mkdir(at).then(
      () => true,
      (error: NodeJS.ErrnoException) => {
        if (error.code === 'EEXIST') return false
        const denied = ['EACCES', 'EPERM', 'EROFS'].includes(error.code ?? '')
        if (!denied) throw error
        const who = `uid ${process.getuid?.()}`
        throw new StoreError(
          'denied',
          `${label} can't be written by ${who} (${error.code}): let its root directory be writable for group ${who}, or use a class that knows fsGroup`,
        )
      },
    )
    if (made) await chmod(at, openToAll)
  }
  return openDirectoryStore(directory, label)
}

/** A store that reaches its bytes through what is mounted at `at`; undefined: the address is of another kind. */
export const openMounted = (
  deps: MountedDeps,
  address: MountedAddress,
  at: string,
): Promise<ObjectStore> | undefined => {
  if (address.document !== undefined) return openDocument(deps, at)
  if (address.configMap !== undefined) return openConfigMap(at, address.configMap.name)
  if (address.directory === undefined) return undefined
  const { label } = address.directory
  if (address.name === 'store') return openVolumeStore(at, label, address.prefix ?? '')
  return Promise.resolve(openDirectoryStore(at, label))
}
