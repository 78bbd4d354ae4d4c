import { pathProblem } from '../../manifest/paths.ts'
import type { ListedObject } from '../../stores/object-store.ts'
import { pagesOf } from '../../stores/pages.ts'
import type { Filter } from '../filter.ts'
import type { KeyRules } from '../keys.ts'
import type { Identity, Item } from '../plan.ts'
import type { StoreEnd } from './ends.ts'
import { treeName } from './tree-file.ts'

/** Etags change with the bytes; the version is for stores that give no etag. */
export const identityOfObject = ({ etag, version }: Pick<ListedObject, 'etag' | 'version'>): Identity =>
  etag !== undefined ? [etag] : version !== undefined ? [version] : []

/** What tells which bytes a file's object had. */
export const pinOf = (item: Item): { ifMatch?: string } =>
  typeof item.id[0] === 'string' && /^[\x21-\x7e]+$/.test(item.id[0]) ? { ifMatch: item.id[0] } : {}

/** Objects below a prefix as items, in batches. What no directory can hold is counted by `rules` and left out. */
export async function* listStore(
  { store, prefix }: StoreEnd,
  rules: KeyRules,
  signal: AbortSignal,
): AsyncGenerator<Item[]> {
  for await (const page of pagesOf(store, prefix, { signal })) {
    const batch: Item[] = []
    for (const object of page) {
      if (object.key === `${prefix}${treeName}`) continue
      const verdict = rules.judge(object.key, object.size)
      if (verdict.kind === 'file') batch.push({ p: verdict.path, size: object.size, id: identityOfObject(object) })
    }
    if (batch.length > 0) yield batch
  }
}

/**
 * What a destination has below a prefix. Keys that no directory can hold are nobody's business there, and a file beside a directory of its name is
 * only in the way for as long as both are wanted.
 */
export async function* listDestination(
  { store, prefix }: StoreEnd,
  filter: Filter,
  signal: AbortSignal,
): AsyncGenerator<Item[]> {
  for await (const page of pagesOf(store, prefix, { signal })) {
    const batch: Item[] = []
    for (const object of page) {
      const p = object.key.slice(prefix.length)
      if (p === treeName || p.endsWith('/') || pathProblem(p) !== undefined || !filter(p)) continue
      batch.push({ p, size: object.size, id: identityOfObject(object) })
    }
    if (batch.length > 0) yield batch
  }
}

/** Those of the items that a filter wants. */
export async function* wanted(items: AsyncIterable<Item[]>, filter: Filter): AsyncGenerator<Item[]> {
  for await (const batch of items) {
    const some = batch.filter(({ p }) => filter(p))
    if (some.length > 0) yield some
  }
}
