const least = 4096
/** Bytes that are kept for the next one who asks. */
const kept = 16 * 1024 * 1024

/** Memory for bytes that are held for a moment, used again and again: new memory for each would keep the garbage collector busy. */
export class Buffers {
  readonly #free = new Map<number, ArrayBuffer[]>()
  #bytes = 0

  /** Of exactly that size; what is in it is anything. */
  take(size: number): Buffer {
    const room = Math.max(least, 2 ** Math.ceil(Math.log2(size)))
    const memory = this.#free.get(room)?.pop()
    if (memory === undefined) return Buffer.from(new ArrayBuffer(room), 0, size)
    this.#bytes -= room
    return Buffer.from(memory, 0, size)
  }

  /** Nobody reads or writes it any more. */
  give({ buffer }: Buffer): void {
    if (this.#bytes + buffer.byteLength > kept) return
    this.#bytes += buffer.byteLength
    const free = this.#free.get(buffer.byteLength)
    if (free) free.push(buffer as ArrayBuffer)
    else this.#free.set(buffer.byteLength, [buffer as ArrayBuffer])
  }
}
