/** What the parts of all uploads of a store may hold together. */
const most = 64 * 1024 * 1024

/** Memory for parts on their way, used again and again. A part bigger than all of it is let in alone. */
export class PartBuffers {
  readonly #free: ArrayBuffer[] = []
  readonly #waiting: { length: number; resolve: (buffer: ArrayBuffer) => void }[] = []
  #taken = 0

  take(length: number): Promise<ArrayBuffer> {
    return new Promise((resolve) => {
      this.#waiting.push({ length, resolve })
      this.#serve()
    })
  }

  /** `buffer` may be another object than the one taken: memory changes hands when it goes through another thread. */
  give(buffer: ArrayBuffer): void {
    this.#taken -= buffer.byteLength
    this.#free.push(buffer)
    this.#serve()
    // Nobody waits for it: let it go.
    if (this.#taken === 0) this.#free.length = 0
  }

  /** It went down with the thread that had it. */
  lost(length: number): void {
    this.#taken -= length
    this.#serve()
  }

  #serve(): void {
    for (let next = this.#waiting[0]; next !== undefined; next = this.#waiting[0]) {
      if (this.#taken > 0 && this.#taken + next.length > most) return
      this.#waiting.shift()
      this.#taken += next.length
      const { length } = next
      const at = this.#free.findIndex((buffer) => buffer.byteLength === length)
      if (at < 0) this.#free.length = 0
      next.resolve(at < 0 ? new ArrayBuffer(length) : this.#free.splice(at, 1)[0]!)
    }
  }
}
