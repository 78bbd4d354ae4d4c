import type { ListedObject, ObjectStore } from '../../stores/object-store.ts'
import type { Filter } from '../filter.ts'
import type { KeyRules } from '../keys.ts'
import type { Identity, Item } from '../plan.ts'

/** Etags change with the bytes; the version is for stores that give no etag. */
export const identityOfObject = ({ etag, version }: Pick<ListedObject, 'etag' | 'version'>): Identity =>
  etag !== undefined ? [etag] : version !== undefined ? [version] : []

/** What tells which bytes a file's object had. */
export const pinOf = (item: Item): { ifMatch?: string } =>
  typeof item.id[0] === 'string' && /^[\x21-\x7e]+$/.test(item.id[0]) ? { ifMatch: item.id[0] } : {}

const batchLength = 1000

/** Objects below a prefix as items, in batches. What no directory can hold is counted by `rules` and left out. */
export async function* listStore(
  store: ObjectStore,
  prefix: string,
  rules: KeyRules,
  signal: AbortSignal,
): AsyncGenerator<Item[]> {
  let batch: Item[] = []
  for await (const object of store.list(prefix, { signal })) {
    const verdict = rules.judge(object.key, object.size)
    if (verdict.kind !== 'file') continue
    batch.push({ p: verdict.path, size: object.size, id: identityOfObject(object) })
    if (batch.length < batchLength) continue
    yield batch
    batch = []
  }
  if (batch.length > 0) yield batch
}

/** Those of the items that a filter wants. */
export async function* wanted(items: AsyncIterable<Item[]>, filter: Filter): AsyncGenerator<Item[]> {
  for await (const batch of items) {
    const some = batch.filter(({ p }) => filter(p))
    if (some.length > 0) yield some
  }
}
