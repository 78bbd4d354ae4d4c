import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import type { ObjectStore, Transferred } from '../stores/object-store.ts'
import type { Condition } from './conditional.ts'
import { type Pinned, readPinned, untilSound } from './read-object.ts'

/** One pass over bytes as the ranges that an upload asks for, one after the other; hashes on the way. Holds no more than the chunk at hand. */
class Ranges {
  readonly #chunks: AsyncGenerator<Buffer>
  readonly #hash = createHash('sha256')
  #rest: Buffer = Buffer.alloc(0)
  #at = 0

  constructor(chunks: AsyncGenerator<Buffer>) {
    this.#chunks = chunks
  }

  open(offset: number, length: number): Readable {
    if (offset !== this.#at) throw new Error('an upload asked for ranges out of order')
    this.#at += length
    return Readable.from(this.#take(length), { objectMode: false })
  }

  async *#take(length: number): AsyncGenerator<Buffer> {
    let left = length
    while (left > 0) {
      if (this.#rest.length === 0) {
        const next = await this.#chunks.next()
        if (next.done) return
        this.#rest = next.value
        this.#hash.update(next.value)
      }
      const piece = this.#rest.subarray(0, left)
      this.#rest = this.#rest.subarray(piece.length)
      left -= piece.length
      yield piece
    }
  }

  /** The sha256. Goes to the end of the source, which is where its length and the store's checksum are checked. */
  async finish(): Promise<string> {
    while (!(await this.#chunks.next()).done);
    return this.#hash.digest('hex')
  }

  async close(): Promise<void> {
    await this.#chunks.return(undefined)
  }
}

/**
 * Copies an object in one pass and returns its sha256, and what the store says of the copy. Whether the bytes were sound is known only after the last of them: a copy of damaged ones is
 * removed, and made once more; under a condition it is left to whoever asked for it.
 */
export const copyObject = (
  source: Pinned,
  to: { store: ObjectStore; key: string; condition?: Condition },
  see: (bytes: number) => void,
  signal: AbortSignal,
): Promise<Transferred> =>
  untilSound(async () => {
    const ranges = new Ranges(readPinned(source, signal))
    const open = (offset: number, length: number) => {
      see(length)
      return ranges.open(offset, length)
    }
    try {
      const info = await to.store.upload(to.key, source.object.size, open, { ...to.condition, signal })
      try {
        return { sha256: await ranges.finish(), info }
      } catch (error) {
        if (to.condition === undefined) await to.store.remove([to.key])
        throw error
      }
    } finally {
      await ranges.close()
    }
  })
