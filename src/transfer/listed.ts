import { compareUtf8 } from '../lib/utf8.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'

/** Listings that are open at a time: each holds a page. */
const mostOpen = 32

/** One listing, asked for keys in ascending order. */
class Cursor {
  readonly #objects: AsyncIterator<ListedObject>
  #next: IteratorResult<ListedObject> | undefined
  constructor(objects: AsyncIterable<ListedObject>) {
    this.#objects = objects[Symbol.asyncIterator]()
  }

  async find(key: string): Promise<ListedObject | undefined> {
    this.#next ??= await this.#objects.next()
    while (!this.#next.done && compareUtf8(this.#next.value.key, key) < 0) this.#next = await this.#objects.next()
    return !this.#next.done && this.#next.value.key === key ? this.#next.value : undefined
  }

  async close(): Promise<void> {
    await this.#objects.return?.()
  }
}

/**
 * Answers for keys under several prefixes, asked in ascending order under each, from one listing per prefix and without a request per key.
 * Keys of prefixes beyond the first ones are asked one by one, so that memory stays bounded.
 */
export class Listed {
  readonly #store: ObjectStore
  readonly #options: { versions?: boolean; signal: AbortSignal }
  readonly #cursors = new Map<string, Cursor>()
  constructor(store: ObjectStore, options: { versions?: boolean; signal: AbortSignal }) {
    this.#store = store
    this.#options = options
  }

  async find(prefix: string, key: string): Promise<Pick<ListedObject, 'size' | 'etag' | 'version'> | undefined> {
    let cursor = this.#cursors.get(prefix)
    const { signal } = this.#options
    if (!key.startsWith(prefix)) return this.#store.head(key, { signal })
    if (cursor === undefined && this.#cursors.size < mostOpen) {
      cursor = new Cursor(this.#store.list(prefix, this.#options))
      this.#cursors.set(prefix, cursor)
    }
    // What a listing lacks may have come since, or out of order.
    return (await cursor?.find(key)) ?? this.#store.head(key, { signal })
  }

  async close(): Promise<void> {
    for (const cursor of this.#cursors.values()) await cursor.close()
  }
}
