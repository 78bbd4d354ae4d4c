import { createHash, randomUUID } from 'node:crypto'
import { constants, createWriteStream } from 'node:fs'
import { chmod, lstat, mkdir, open, readdir, rename, rm, rmdir, symlink } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { FileCalls } from './file-calls.ts'

/** Permission bits of files, executable files and directories. */
export interface Modes {
  file: number
  executable: number
  directory: number
}

/** Files from this size on are on the disk before they get their name; the small ones are with the final sync. */
const bigFile = 8 * 1024 * 1024
/** Directories that are remembered as made. */
const maxKnown = 20_000

const errorCode = (error: unknown) => (error as NodeJS.ErrnoException).code

/** sha256 of a file's first `size` bytes and whether it has exactly that many; follows no symlink. */
export const hashFile = async (path: string, size: number, signal: AbortSignal): Promise<string | undefined> => {
  const handle = await open(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK)
  try {
    const hash = createHash('sha256')
    const buffer = Buffer.allocUnsafe(Math.min(1024 * 1024, size + 1))
    for (let at = 0; at <= size; ) {
      signal.throwIfAborted()
      const { bytesRead } = await handle.read(buffer, 0, buffer.length, at)
      if (bytesRead === 0) return at === size ? hash.digest('hex') : undefined
      hash.update(buffer.subarray(0, bytesRead))
      at += bytesRead
    }
    return undefined
  } finally {
    await handle.close()
  }
}

/**
 * Makes files below a root that nobody else changes meanwhile. Never goes through a symlink: every directory on the way is looked at and anything
 * else in its place is removed; files are new inodes that get their name when they are whole.
 */
export class Tree {
  readonly #root: string
  readonly #modes: Modes
  /** Where files are while they are written: a name at the root that no manifest can know. */
  readonly scratch = `.granary-${randomUUID()}`
  readonly #known = new Map<string, Promise<void>>()
  readonly #calls = new FileCalls()
  #count = 0

  constructor(root: string, modes: Modes) {
    this.#root = root
    this.#modes = modes
  }

  async open(): Promise<void> {
    await this.#ownRoot(0o755)
    await mkdir(join(this.#root, this.scratch), { mode: 0o700 })
  }

  /** The volume's root belongs to the driver: its mode is set where that is allowed, and left where not. */
  async #ownRoot(mode: number): Promise<void> {
    await chmod(this.#root, mode).catch((error) => {
      if (errorCode(error) !== 'EPERM' && errorCode(error) !== 'EACCES') throw error
    })
  }

  /** Makes the directory and those above it, and writable for us. */
  #directory(path: string): Promise<void> {
    if (path === '.' || path === '') return Promise.resolve()
    const known = this.#known.get(path)
    if (known !== undefined) return known
    if (this.#known.size > maxKnown) this.#known.clear()
    const made = this.#directory(dirname(path)).then(() => this.#makeDirectory(join(this.#root, path)))
    this.#known.set(path, made)
    return made
  }

  async #makeDirectory(path: string): Promise<void> {
    try {
      await mkdir(path, { mode: 0o755 })
    } catch (error) {
      if (errorCode(error) !== 'EEXIST') throw error
      const stats = await lstat(path)
      if (!stats.isDirectory()) {
        await rm(path)
        await mkdir(path, { mode: 0o755 })
      } else if ((stats.mode & 0o700) !== 0o700) await chmod(path, 0o755)
    }
  }

  #scratchName(): string {
    return join(this.#root, this.scratch, String(this.#count++))
  }

  async #name(scratch: string, path: string): Promise<void> {
    await this.#directory(dirname(path))
    const final = join(this.#root, path)
    try {
      await this.#calls.rename(scratch, final)
    } catch (error) {
      if (errorCode(error) !== 'EISDIR') throw error
      await rm(final, { recursive: true })
      await rename(scratch, final)
    }
  }

  #mode(executable: boolean): number {
    return executable ? this.#modes.executable : this.#modes.file
  }

  /**
   * Makes a file of what `fill` writes to the descriptor that it gets (open for reading and writing). It gets its name only when that has succeeded;
   * after a failure nothing is left of it.
   */
  async write(
    path: string,
    file: { size: number; executable: boolean },
    fill: (fd: number) => Promise<unknown>,
  ): Promise<void> {
    const scratch = this.#scratchName()
    const flags = constants.O_RDWR | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
    const fd = await this.#calls.open(scratch, flags, 0o600)
    try {
      try {
        await fill(fd)
        await this.#calls.chmod(fd, this.#mode(file.executable))
        if (file.size >= bigFile) await this.#calls.sync(fd)
      } finally {
        await this.#calls.close(fd)
      }
    } catch (error) {
      await rm(scratch, { force: true })
      throw error
    }
    await this.#name(scratch, path)
  }

  async link(path: string, target: string): Promise<void> {
    const scratch = this.#scratchName()
    await symlink(target, scratch)
    await this.#name(scratch, path)
  }

  /** Whether the file that is there already has these bytes; if so it gets its mode. */
  async keeps(
    path: string,
    file: { size: number; sha256: string; executable: boolean },
    signal: AbortSignal,
  ): Promise<boolean> {
    const final = join(this.#root, path)
    try {
      // Its directory may be one that an earlier attempt has closed already.
      await this.#directory(dirname(path))
      const stats = await lstat(final)
      if (!stats.isFile() || stats.size !== file.size || stats.nlink !== 1) return false
      if ((await hashFile(final, file.size, signal)) !== file.sha256) return false
      await chmod(final, this.#mode(file.executable)).catch((error) => {
        if (errorCode(error) !== 'EPERM') throw error
        return this.#takeOver(path, file)
      })
      return true
    } catch (error) {
      signal.throwIfAborted()
      if (['ENOENT', 'ENOTDIR', 'EACCES', 'EPERM', 'ELOOP'].includes(errorCode(error) ?? '')) return false
      throw error
    }
  }

  /** A file whose mode is its owner's affair, on a volume that somebody else wrote: its bytes go to a file of ours. */
  async #takeOver(path: string, file: { size: number; executable: boolean }): Promise<void> {
    const from = await open(join(this.#root, path), constants.O_RDONLY | constants.O_NOFOLLOW)
    try {
      await this.write(path, file, (fd) =>
        pipeline(from.createReadStream({ autoClose: false }), createWriteStream('', { fd, autoClose: false })),
      )
    } finally {
      await from.close()
    }
  }

  /** A directory of somebody else: what is in it moves to one of ours. */
  async #takeOverDirectory(path: string): Promise<void> {
    const theirs = join(this.#root, path)
    const ours = join(dirname(theirs), `${this.scratch}-${this.#count++}`)
    await mkdir(ours, { mode: 0o755 })
    for (const entry of await readdir(theirs, { withFileTypes: true })) {
      const [from, to] = [join(theirs, entry.name), join(ours, entry.name)]
      // A directory must be writable to get another parent; it is ours and has its mode by now.
      if (entry.isDirectory()) await chmod(from, 0o755)
      await rename(from, to)
      if (entry.isDirectory()) await chmod(to, this.#modes.directory)
    }
    await rmdir(theirs)
    await rename(ours, theirs)
    await chmod(theirs, this.#modes.directory)
  }

  /** Removes what an earlier attempt left and the manifest lacks. */
  async remove(path: string): Promise<void> {
    await this.#directory(dirname(path))
    await rm(join(this.#root, path), { force: true })
  }

  /** Removes the scratch directory; also after a failure. */
  async close(): Promise<void> {
    await rm(join(this.#root, this.scratch), { recursive: true, force: true })
  }

  /** Removes empty directories and gives all others their mode, from the inside out; the root last. */
  async seal(signal: AbortSignal): Promise<void> {
    await this.#seal('', signal)
    await this.#ownRoot(this.#modes.directory)
  }

  async #seal(path: string, signal: AbortSignal): Promise<number> {
    signal.throwIfAborted()
    const dir = join(this.#root, path)
    const entries = await readdir(dir, { withFileTypes: true })
    let left = 0
    for (const entry of entries) {
      if (path === '' && entry.name === 'lost+found') continue
      const inner = join(path, entry.name)
      if (!entry.isDirectory()) left++
      else if ((await this.#seal(inner, signal)) > 0) {
        await chmod(join(this.#root, inner), this.#modes.directory).catch((error) => {
          if (errorCode(error) !== 'EPERM') throw error
          return this.#takeOverDirectory(inner)
        })
        left++
      } else await rmdir(join(this.#root, inner))
    }
    return left
  }
}
