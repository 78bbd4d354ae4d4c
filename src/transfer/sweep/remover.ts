import type { Logger } from 'pino'
import type { ListedObject, ObjectStore } from '../../stores/object-store.ts'

type Sized = Pick<ListedObject, 'key' | 'size'>

const batch = 1000

/** Removes objects, as many as one run may, or says what it would remove. */
export class Remover {
  objects = 0
  bytes = 0
  /** There was more than the limit allows. */
  more = false
  readonly #store: ObjectStore
  readonly #options: { limit: number; dryRun: boolean; log: Pick<Logger, 'info'>; signal: AbortSignal }
  constructor(
    store: ObjectStore,
    options: { limit: number; dryRun: boolean; log: Pick<Logger, 'info'>; signal: AbortSignal },
  ) {
    this.#store = store
    this.#options = options
  }

  get isDryRun(): boolean {
    return this.#options.dryRun
  }

  /** How many more objects this run may remove. */
  get room(): number {
    return this.#options.limit - this.objects
  }

  async remove(all: readonly Sized[]): Promise<void> {
    const found = all.slice(0, Math.max(this.room, 0))
    if (found.length < all.length) this.more = true
    const { dryRun, log, signal } = this.#options
    for (let at = 0; at < found.length; at += batch) {
      const part = found.slice(at, at + batch)
      if (!dryRun)
        await this.#store.remove(
          part.map(({ key }) => key),
          signal,
        )
      for (const { key, size } of part) {
        log.info({ key, size }, dryRun ? 'would go' : 'removed')
        this.objects++
        this.bytes += size
      }
    }
  }
}
