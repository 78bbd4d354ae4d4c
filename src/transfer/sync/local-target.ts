import {
  chmodSync,
  closeSync,
  constants,
  fchmodSync,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  renameSync,
  rmdirSync,
  rmSync,
  symlinkSync,
} from 'node:fs'
import { rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { MoveFailure } from '../../mover/failure.ts'
import { StoreError } from '../../stores/object-store.ts'
import type { Identity } from '../plan.ts'
import { localFailure } from './failures.ts'
import { identityOf, scratchName } from './local-list.ts'
import { takeLock } from './lock.ts'
import { type Partial, Partials } from './partials.ts'

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code

const conflict = (path: string, what: string): MoveFailure =>
  new MoveFailure('DestinationChanged', `${path} ${what}: move it away, or use --prune to make room`, [path])

const makeUnlessThere = (path: string): void => {
  try {
    mkdirSync(path, { mode: 0o700 })
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error
  }
}

/** Makes room for a file where a directory is, if no file is in it. A symlink counts as a file: what it leads to is never looked into. */
const removeEmpty = (path: string): void => {
  if (!lstatSync(path).isDirectory())
    throw conflict(path, 'is where another file has its directory, or the other way round')
  for (const name of readdirSync(path)) removeEmpty(join(path, name))
  rmdirSync(path)
}

/** Somebody stopped it, or the store doesn't answer: neither says anything against what has come so far. */
const isPassing = (error: unknown): boolean => {
  if (error instanceof StoreError) return error.failure === 'unreachable'
  return !(error instanceof MoveFailure) && codeOf(error) === undefined
}

/** Directories that are remembered as made. */
const maxKnown = 100_000

/**
 * A directory that files are written into. They lie in a scratch directory at its root while they are written, and get their name when they
 * are whole. Goes through no symlink below the root.
 */
export class LocalTarget {
  readonly root: string
  readonly #umask: number
  readonly #scratch: string
  readonly #partials: Partials
  readonly #known = new Set<string>()
  #count = 0
  #unlock: () => void = () => {}

  constructor(root: string) {
    this.root = root
    this.#scratch = join(root, scratchName)
    this.#partials = new Partials(join(this.#scratch, 'parts'))
    this.#umask = process.umask()
  }

  /** Makes the directory and the scratch in it; removes what a run that was killed left there. */
  async open(): Promise<void> {
    try {
      if (lstatSync(this.root, { throwIfNoEntry: false }) === undefined) mkdirSync(this.root, { recursive: true })
      makeUnlessThere(this.#scratch)
      this.#unlock = takeLock(join(this.#scratch, 'lock'), this.root)
      await this.#sweep()
      mkdirSync(join(this.#scratch, 'files'), { mode: 0o700 })
    } catch (error) {
      if (codeOf(error) === 'ENOTDIR' || codeOf(error) === 'EEXIST') throw conflict(this.root, 'is no directory')
      throw localFailure(error, this.root)
    }
  }

  #sweep(): Promise<void> {
    return rm(join(this.#scratch, 'files'), { recursive: true, force: true })
  }

  /** `finished`: nothing is left for another run to go on with. */
  async close(finished: boolean): Promise<void> {
    await this.#sweep()
    this.#partials.close(finished)
    this.#unlock()
    try {
      rmdirSync(this.#scratch)
    } catch (error) {
      if (!['ENOENT', 'ENOTEMPTY', 'EEXIST'].includes(codeOf(error) ?? '')) throw error
    }
  }

  #directory(path: string): void {
    if (path === '.' || this.#known.has(path)) return
    this.#directory(dirname(path))
    const full = join(this.root, path)
    try {
      mkdirSync(full)
    } catch (error) {
      if (codeOf(error) !== 'EEXIST') throw error
      const stats = lstatSync(full)
      if (!stats.isDirectory()) throw conflict(full, 'is where a directory should be')
    }
    if (this.#known.size > maxKnown) this.#known.clear()
    this.#known.add(path)
  }

  /**
   * Runs `fill` on a new file and gives it its name; it appears whole or not at all. With `state`, which tells its bytes from any others, a run that is
   * stopped leaves what it has of it to the next one.
   */
  async write<T>(
    path: string,
    executable: boolean,
    fill: (fd: number, partial?: Partial) => Promise<T>,
    state?: readonly unknown[],
  ): Promise<{ made: T; id: Identity }> {
    const partial = state && this.#partials.open(path, state)
    const scratch = partial?.file ?? `${this.#scratch}/files/${this.#count++}`
    const mode = (executable ? 0o777 : 0o666) & ~this.#umask
    const create = partial?.have ? constants.O_NOFOLLOW : constants.O_CREAT | constants.O_EXCL
    try {
      const fd = openSync(scratch, constants.O_RDWR | create, mode)
      let made: T
      try {
        if (partial?.have) fchmodSync(fd, mode)
        made = await fill(fd, partial)
      } finally {
        closeSync(fd)
      }
      const id = this.#name(scratch, path)
      partial?.forget()
      return { made, id }
    } catch (error) {
      if (partial === undefined) rmSync(scratch, { force: true })
      else if (!partial.worthKeeping || !isPassing(error)) partial.forget()
      throw localFailure(error, this.root)
    }
  }

  #name(scratch: string, path: string): Identity {
    const final = `${this.root}/${path}`
    this.#directory(dirname(path))
    try {
      renameSync(scratch, final)
    } catch (error) {
      const code = codeOf(error)
      if (code === 'EISDIR') removeEmpty(final)
      else if (code !== 'ENOENT') throw error
      // Directories that were there are gone.
      this.#known.clear()
      this.#directory(dirname(path))
      renameSync(scratch, final)
    }
    return identityOf(lstatSync(final))
  }

  link(path: string, target: string): Identity {
    const scratch = `${this.#scratch}/files/${this.#count++}`
    try {
      symlinkSync(target, scratch)
      return this.#name(scratch, path)
    } catch (error) {
      throw localFailure(error, this.root)
    }
  }

  /** Gives the file of a path its mode. */
  setExecutable(path: string, executable: boolean): Identity {
    const final = join(this.root, path)
    const { mode } = lstatSync(final)
    const readable = mode & 0o444
    // Who may read it may run it.
    chmodSync(final, executable ? mode | (readable >> 2) : mode & ~0o111)
    return identityOf(lstatSync(final))
  }

  /** Removes a file, and the directories above it that are empty then. */
  remove(path: string): void {
    try {
      rmSync(join(this.root, path), { force: true })
      for (let dir = dirname(path); dir !== '.'; dir = dirname(dir)) {
        rmdirSync(join(this.root, dir))
        this.#known.delete(dir)
      }
    } catch (error) {
      const code = codeOf(error)
      if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT' || code === 'ENOTDIR') return
      throw localFailure(error, this.root)
    }
  }
}
