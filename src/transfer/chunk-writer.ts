import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import type { ObjectStore } from '../stores/object-store.ts'

const fewestLines = 64
/** Bytes of stored files after which a chunk is written however few they are. */
const maxUnwritten = 64 * 1024 * 1024

export const digits = (n: number, width: number): string => String(n).padStart(width, '0')

/** Writes lines as they come into compressed objects `<prefix><chunk>.ndjson.gz`: few are written down soon; of many, the chunks grow up to `mostLines`. */
export class ChunkWriter {
  readonly #store: ObjectStore
  readonly #prefix: string
  readonly #mostLines: number
  readonly #signal: AbortSignal
  readonly keys: string[] = []
  #lines: string[] = []
  #written = 0
  #bytes = 0

  constructor(store: ObjectStore, prefix: string, mostLines: number, signal: AbortSignal) {
    this.#store = store
    this.#prefix = prefix
    this.#mostLines = mostLines
    this.#signal = signal
  }

  /** `stored`: the bytes of the file that were put into the store for this line. */
  async append(line: string, stored: number): Promise<void> {
    this.#lines.push(line)
    this.#bytes += stored
    const limit = Math.min(Math.max(this.#written / 4, fewestLines), this.#mostLines)
    if (this.#lines.length >= limit || this.#bytes >= maxUnwritten) await this.flush()
  }

  async flush(): Promise<void> {
    if (this.#lines.length === 0) return
    const key = `${this.#prefix}${digits(this.keys.length, 8)}.ndjson.gz`
    await this.#store.put(key, await promisify(gzip)(this.#lines.join('')), { signal: this.#signal })
    this.keys.push(key)
    this.#written += this.#lines.length
    this.#lines = []
    this.#bytes = 0
  }
}
