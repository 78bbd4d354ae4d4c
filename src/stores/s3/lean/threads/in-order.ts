import type { Algorithm, Sum, Summer, Sums } from '../../../hashing/sums.ts'

/** Hands over the bytes of a file from one place to another, piece by piece. */
export type ReadBack = (from: number, to: number, take: (piece: Uint8Array) => void) => void

/**
 * Sums over a file whose bytes are written in any order: those that come in order are summed up as they come, the others are read back as soon as all
 * before them is there.
 */
export class InOrder {
  readonly #sums: Map<Algorithm, Sum>
  readonly #readBack: ReadBack
  /** Everything before it is summed up. */
  #at = 0
  /** What is written behind that. */
  readonly #ahead: { start: number; end: number }[] = []

  constructor(summer: Summer, algorithms: readonly Algorithm[], readBack: ReadBack) {
    this.#sums = new Map(algorithms.map((algorithm) => [algorithm, summer.start(algorithm)]))
    this.#readBack = readBack
  }

  /** These bytes have just been written at `at`. */
  wrote(at: number, piece: Uint8Array): void {
    if (at === this.#at) {
      this.#take(piece)
      this.#goOn()
    } else this.#note(at, at + piece.length)
  }

  /** Somebody else has written what is between. */
  written(start: number, end: number): void {
    this.#note(start, end)
    this.#goOn()
  }

  /** The sums over the first `size` bytes. */
  finish(size: number): Sums {
    if (this.#at !== size) throw new Error('a file is to be summed up that has gaps')
    const sums: Sums = {}
    for (const [algorithm, sum] of this.#sums) sums[algorithm] = sum.hex()
    return sums
  }

  #take(piece: Uint8Array): void {
    for (const sum of this.#sums.values()) sum.update(piece)
    this.#at += piece.length
  }

  #note(start: number, end: number): void {
    if (start < this.#at) throw new Error('a file is written twice')
    const before = this.#ahead.find((stretch) => stretch.end === start)
    if (before) before.end = end
    else this.#ahead.push({ start, end })
  }

  #goOn(): void {
    for (;;) {
      const next = this.#ahead.findIndex(({ start }) => start === this.#at)
      const [stretch] = next < 0 ? [] : this.#ahead.splice(next, 1)
      if (stretch === undefined) return
      this.#readBack(this.#at, stretch.end, (piece) => this.#take(piece))
    }
  }
}
