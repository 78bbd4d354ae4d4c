import { createHash, type Hash } from 'node:crypto'
import { closeSync, constants, fstatSync, openSync, read, type Stats } from 'node:fs'
import { promisify } from 'node:util'
import { crc32 } from 'node:zlib'
import { MoveFailure } from '../../mover/failure.ts'
import type { ObjectInfo } from '../../stores/object-store.ts'
import type { Identity } from '../plan.ts'
import { sameIdentity } from '../plan.ts'
import { unreadablePlace } from './failures.ts'
import { identityOf } from './local-list.ts'

const readAt = promisify(read)
const chunkBytes = 1024 * 1024
/** A file that is written to meanwhile is read this often. */
const tries = 3

/** The file is not what it was when it was listed or opened. */
export const sourceChanged = (path: string, what: string): MoveFailure =>
  new MoveFailure('SourceDrifted', `${path} ${what} while it was read: let its writer finish and run it again`, [path])

export interface OpenFile {
  fd: number
  size: number
  executable: boolean
  id: Identity
}

const openOf = (fd: number, stats: Stats): OpenFile => ({
  fd,
  size: stats.size,
  executable: (stats.mode & 0o111) !== 0,
  id: identityOf(stats),
})

/** Runs work on a file that is open for reading; again when it turns out that somebody wrote to the file meanwhile. */
export const withStableFile = async <T>(path: string, work: (file: OpenFile) => Promise<T>): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    const fd = openForReading(path)
    try {
      const stats = fstatSync(fd)
      if (!stats.isFile()) throw sourceChanged(path, 'became something else than a file')
      const file = openOf(fd, stats)
      let failure: unknown
      const made = await work(file).catch((error) => {
        failure = error
        return undefined
      })
      const after = fstatSync(fd)
      const same = after.size === file.size && sameIdentity(identityOf(after), file.id)
      if (same && failure === undefined) return made as T
      // A file that is as it was is not what the failure is about.
      if (same) throw failure
      if (attempt === tries) throw sourceChanged(path, 'was changed again and again')
    } finally {
      closeSync(fd)
    }
  }
}

const openForReading = (path: string): number => {
  try {
    return openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? ''
    if (['ENOENT', 'ELOOP', 'ENOTDIR'].includes(code)) throw sourceChanged(path, 'went away')
    if (['EACCES', 'EPERM'].includes(code)) throw unreadablePlace(path, code)
    throw error
  }
}

/** The bytes of an open file, chunk by chunk; each chunk is good until the next is asked for. */
export async function* chunksOf(file: OpenFile, signal: AbortSignal): AsyncGenerator<Buffer> {
  const buffer = Buffer.allocUnsafe(Math.max(1, Math.min(chunkBytes, file.size)))
  for (let at = 0; at < file.size; ) {
    signal.throwIfAborted()
    const { bytesRead } = await readAt(file.fd, buffer, 0, Math.min(buffer.length, file.size - at), at)
    if (bytesRead === 0) return
    yield buffer.subarray(0, bytesRead)
    at += bytesRead
  }
}

export type Sums = NonNullable<ObjectInfo['checksums']>

/** Computes sha256, and besides it what the other side knows its bytes by. */
export class Summing {
  readonly #hashes = new Map<'sha256' | 'sha1' | 'md5', Hash>([['sha256', createHash('sha256')]])
  #crc: number | undefined

  constructor(like: Sums = {}) {
    if (like.md5) this.#hashes.set('md5', createHash('md5'))
    if (like.sha1) this.#hashes.set('sha1', createHash('sha1'))
    if (like.crc32) this.#crc = 0
  }

  update(chunk: Uint8Array): void {
    for (const hash of this.#hashes.values()) hash.update(chunk)
    if (this.#crc !== undefined) this.#crc = crc32(chunk, this.#crc)
  }

  finish(): Sums & { sha256: string } {
    const sums: Sums = {}
    for (const [name, hash] of this.#hashes) sums[name] = hash.digest('hex')
    if (this.#crc !== undefined) sums.crc32 = this.#crc.toString(16).padStart(8, '0')
    return sums as Sums & { sha256: string }
  }
}

/** Whether two sets of checksums agree by a sum that both have; undefined: they have none in common. */
export const agree = (a: Sums, b: Sums): boolean | undefined => {
  for (const name of ['sha256', 'sha1', 'md5', 'crc32'] as const) {
    if (a[name] !== undefined && b[name] !== undefined) return a[name] === b[name]
  }
  return undefined
}
