import type { ObjectStore } from '../../stores/object-store.ts'
import type { LocalTarget } from './local-target.ts'

/** A prefix of a bucket. */
export interface StoreEnd {
  store: ObjectStore
  /** Empty, or ends in a slash. */
  prefix: string
}

export type Source = StoreEnd | { root: string }
export type Destination = StoreEnd | { target: LocalTarget }

export const isStore = (end: Source | Destination): end is StoreEnd => 'store' in end

/** For sentences. */
export const placeOf = (end: Source | Destination): string => {
  if (isStore(end)) return `${end.store.name}/${end.prefix}`
  return 'root' in end ? end.root : end.target.root
}
