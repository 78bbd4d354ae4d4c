import { close, closeSync, fchmod, fchmodSync, fsync, open, openSync, rename, renameSync } from 'node:fs'
import { promisify } from 'node:util'

const later = {
  open: promisify(open),
  fchmod: promisify(fchmod),
  close: promisify(close),
  rename: promisify(rename),
  fsync: promisify(fsync),
}

/** Microseconds that a call may take on average before everybody else waits too long for it. */
const longest = 300
/** No single call counts for more: a busy machine is no slow disk. */
const outlier = 2_000
const weight = 1 / 32
/** On a slow file system one in so many calls is still made at once, to see whether it has become faster. */
const retrial = 128

/**
 * The calls that every small file needs. On a fast file system they are made at once, which costs a fraction of handing them to another thread; as soon as they
 * take long on average (a network behind it), they are handed over, so that the connections go on meanwhile.
 */
export class FileCalls {
  #mean = 0
  #count = 0

  /** The file's descriptor. */
  open(path: string, flags: number, mode: number): number | Promise<number> {
    return this.#call(
      () => openSync(path, flags, mode),
      () => later.open(path, flags, mode),
    )
  }

  chmod(fd: number, mode: number): void | Promise<void> {
    return this.#call(
      () => fchmodSync(fd, mode),
      () => later.fchmod(fd, mode),
    )
  }

  close(fd: number): void | Promise<void> {
    return this.#call(
      () => closeSync(fd),
      () => later.close(fd),
    )
  }

  rename(from: string, to: string): void | Promise<void> {
    return this.#call(
      () => renameSync(from, to),
      () => later.rename(from, to),
    )
  }

  /** Always in another thread: it waits for the disk. */
  sync(fd: number): Promise<void> {
    return later.fsync(fd)
  }

  #call<T>(now: () => T, inThread: () => Promise<T>): T | Promise<T> {
    if (this.#mean > longest && ++this.#count % retrial !== 0) return inThread()
    const start = performance.now()
    try {
      return now()
    } finally {
      const took = Math.min(outlier, (performance.now() - start) * 1000)
      this.#mean += (took - this.#mean) * weight
    }
  }
}
