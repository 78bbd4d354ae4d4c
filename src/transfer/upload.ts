import { constants } from 'node:fs'
import { open } from 'node:fs/promises'
import { MoveFailure } from '../mover/failure.ts'
import { type ListedObject, type ObjectStore, StoreError } from '../stores/object-store.ts'
import type { Condition } from './conditional.ts'
import type { Stamp } from './journal.ts'
import { reading } from './survey.ts'
import type { Turn } from './turn.ts'

export interface Uploaded {
  size: number
  sha256: string
  executable: boolean
  stamp: Stamp
  etag?: string
}

/** A file was changed while it was read: somebody still writes. */
export const writersActive = (path: string, what: string): MoveFailure =>
  new MoveFailure(
    'WritersActive',
    `${path} ${what} while the output was uploaded: something still writes to the volume. It is tried again; end every pod that mounts the claim`,
    [path],
  )

export interface Destination {
  store: ObjectStore
  turn: Turn
  key: string
  /** What was listed under the key. */
  there: ListedObject | undefined
}

/** Uploads a file and hashes it while it is read, once. What the store answers is checked against what was sent. */
export const uploadFile = (
  { store, turn, key, there }: Destination,
  file: { root: string; path: string },
  onBytes: (count: number) => void,
  signal: AbortSignal,
): Promise<Uploaded> =>
  reading(file.path, async () => {
    const flags = constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK
    const handle = await open(`${file.root}/${file.path}`, flags).catch((error) => {
      if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(error.code)) throw writersActive(file.path, 'went away')
      throw error
    })
    try {
      const stats = await handle.stat({ bigint: true })
      if (!stats.isFile()) throw writersActive(file.path, 'became something else than a file')
      const size = Number(stats.size)
      const send = (condition: Condition) => store.uploadFile(key, handle.fd, { ...condition, size, onBytes, signal })
      const { info, sha256 } = await turn.place(key, there, send, signal)
      const said = info.checksums?.sha256
      if (info.size !== size || (said !== undefined && said !== sha256))
        throw new StoreError('corrupt', `${store.name} answered with other bytes than were sent for ${key}`, key)
      return {
        size,
        sha256,
        executable: (stats.mode & 0o111n) !== 0n,
        stamp: { mtime: stats.mtimeNs, ctime: stats.ctimeNs, inode: stats.ino },
        ...(info.etag === undefined ? {} : { etag: info.etag }),
      }
    } catch (error) {
      // The only source that an upload has is the file.
      if (error instanceof StoreError && error.failure === 'changed') throw writersActive(file.path, 'got shorter')
      throw error
    } finally {
      await handle.close()
    }
  })
