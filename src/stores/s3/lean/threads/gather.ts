const enough = 64 * 1024
const room = 256 * 1024

/**
 * Puts pieces together that come small, as those of TLS do (16 KiB at most): writing and summing them up one by one costs more than the copy. Those that
 * are big enough are handed on as they are.
 */
export class Gather {
  readonly #out: (piece: Buffer) => void
  #held: Buffer | undefined
  #length = 0

  /** `out` gets what was put together, in order; it is good during the call only. */
  constructor(out: (piece: Buffer) => void) {
    this.#out = out
  }

  /** Takes a piece, which is good during the call only. */
  take(piece: Buffer): void {
    if (this.#length + piece.length > room) this.flush()
    if (this.#length === 0 && piece.length >= enough) {
      this.#out(piece)
      return
    }
    this.#held ??= Buffer.allocUnsafeSlow(room)
    piece.copy(this.#held, this.#length)
    this.#length += piece.length
  }

  /** Hands on what is held. */
  flush(): void {
    const length = this.#length
    if (length === 0) return
    this.#length = 0
    this.#out(this.#held!.subarray(0, length))
  }
}
