import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import type { ObjectStore } from '../../stores/object-store.ts'

/** Smaller objects go up in one request, which leaves nothing when it breaks. */
export const severalParts = 8 * 1024 * 1024

/** Remembers which objects were on their way up in parts, so that the next run can take back the parts of one that was killed, and nobody else's. */
export class BigUploads {
  readonly #file: string

  constructor(file: string) {
    this.#file = file
  }

  starts(key: string): void {
    appendFileSync(this.#file, `${JSON.stringify(key)}\n`, { mode: 0o600 })
  }

  /** Takes back what an earlier run left of its uploads. */
  async sweep(store: ObjectStore, signal: AbortSignal): Promise<void> {
    for (const key of new Set(this.#read())) await store.abortUploads(key, signal)
    this.clear()
  }

  #read(): string[] {
    try {
      return readFileSync(this.#file, 'utf8')
        .split('\n')
        .flatMap((line) => (/^".*"$/.test(line) ? [JSON.parse(line) as string] : []))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }

  clear(): void {
    rmSync(this.#file, { force: true })
  }
}
