import type { ListedObject, ObjectStore } from './object-store.ts'

/** Objects at a time where a store has no pages. */
const batchLength = 1000

/** A listing in stretches of many, of any store. */
export async function* pagesOf(
  store: ObjectStore,
  prefix: string,
  options: { signal?: AbortSignal },
): AsyncGenerator<ListedObject[]> {
  if (store.pages !== undefined) return yield* store.pages(prefix, options)
  let batch: ListedObject[] = []
  for await (const object of store.list(prefix, options)) {
    batch.push(object)
    if (batch.length < batchLength) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}
