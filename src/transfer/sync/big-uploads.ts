import { appendFileSync, readFileSync, rmSync } from 'node:fs'
import type { ObjectStore, ResumableUpload } from '../../stores/object-store.ts'
import { type Identity, sameIdentity } from '../plan.ts'

/** Smaller objects go up in one request, which leaves nothing when it breaks. */
export const severalParts = 8 * 1024 * 1024

type Line = [key: string] | [key: string, size: number, source: Identity, upload: string]

/** Remembers which objects were on their way up in parts, so that the next run can go on with them, or take back the parts; and nobody else's. */
export class BigUploads {
  readonly #file: string
  #earlier = new Map<string, Line>()

  constructor(file: string) {
    this.#file = file
  }

  /** Takes over what earlier runs left. */
  open(): void {
    this.#earlier = new Map(this.#read().map((line) => [line[0], line]))
  }

  /** An upload in parts of which nobody can say what it was made from. */
  starts(key: string): void {
    this.#write([key])
  }

  /** An upload in parts of a file in a certain state, to be gone on with if an earlier run began the same. */
  startsFrom(key: string, size: number, source: Identity): ResumableUpload {
    const [, before, from, upload] = this.#earlier.get(key) ?? []
    const same = upload !== undefined && before === size && sameIdentity(from!, source)
    this.#write([key])
    return { ...(same ? { id: upload } : {}), started: (id) => this.#write([key, size, source, id]) }
  }

  #write(line: Line): void {
    appendFileSync(this.#file, `${JSON.stringify(line)}\n`, { mode: 0o600 })
  }

  /** Takes back what earlier runs left and nobody went on with, once all is up. */
  async finish(store: ObjectStore, signal: AbortSignal): Promise<void> {
    for (const key of this.#earlier.keys()) await store.abortUploads(key, signal)
    rmSync(this.#file, { force: true })
  }

  #read(): Line[] {
    try {
      return readFileSync(this.#file, 'utf8')
        .split('\n')
        .flatMap((line) => (/^\[".*\]$/.test(line) ? [JSON.parse(line) as Line] : []))
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'ENOENT') return []
      throw error
    }
  }
}
