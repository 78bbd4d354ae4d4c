import { isApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import { keyOf, kindKey } from './kind-of.ts'
import type { IndexFunction, Kind, KubeObject, Reader } from './types.ts'

/** Index functions by kind (`kindKey`) and name. */
export type IndexTable = ReadonlyMap<string, Readonly<Record<string, IndexFunction>>>

/** What a cached reader reads: a cache, as far as it is concerned. */
export interface Store {
  get(key: string): KubeObject | undefined
  list(namespace?: string): KubeObject[]
  byIndex(index: string, key: string): KubeObject[]
}

/**
 * Reads from the API server, for one look: what is listed is listed once. An index is a LIST that is filtered here; its function sees objects as they are,
 * where a cache's sees them projected.
 */
export const liveReader = (client: KubeClient, indexes: IndexTable): Reader => {
  const listed = new Map<string, Promise<KubeObject[]>>()
  const list = async <T extends KubeObject>(kind: Kind, namespace?: string) => {
    const key = `${kindKey(kind)}/${namespace ?? ''}`
    const items =
      listed.get(key) ??
      // Not found is the kind itself: a namespace that is not there has none of it.
      orUndefined(client.list(kind, namespace === undefined ? {} : { namespace })).then((all) => all?.items ?? [])
    listed.set(key, items)
    return (await items) as T[]
  }
  return {
    live: true,
    get: (kind, namespace, name) =>
      orUndefined(client.get({ kind, name, ...(namespace === undefined ? {} : { namespace }) })),
    list,
    byIndex: async <T extends KubeObject>(kind: Kind, index: string, key: string) => {
      const keysOf = indexes.get(kindKey(kind))?.[index]
      if (!keysOf) throw new Error(`no index ${index} for ${kind.plural}`)
      return (await list<T>(kind)).filter((object) => keysOf(object).includes(key))
    },
    lastLogLine: (namespace, pod) => lastLogLine(client, namespace, pod),
  }
}

/** Reads the caches, and the API server for kinds that none holds. `stores` is keyed by `kindKey`. */
export const cachedReader = (client: KubeClient, stores: ReadonlyMap<string, Store>): Reader => {
  const live = () => liveReader(client, new Map())
  const store = (kind: Kind) => stores.get(kindKey(kind))
  return {
    live: false,
    get: async <T extends KubeObject>(kind: Kind, namespace: string | undefined, name: string) => {
      const held = store(kind)
      if (!held) return live().get<T>(kind, namespace, name)
      const metadata = { name, ...(namespace === undefined ? {} : { namespace }) }
      return held.get(keyOf({ ...kind, metadata })) as T | undefined
    },
    list: async <T extends KubeObject>(kind: Kind, namespace?: string) => {
      const held = store(kind)
      return held ? (held.list(namespace) as T[]) : live().list<T>(kind, namespace)
    },
    byIndex: async <T extends KubeObject>(kind: Kind, index: string, key: string) =>
      (store(kind)?.byIndex(index, key) as T[] | undefined) ?? live().byIndex<T>(kind, index, key),
    lastLogLine: (namespace, pod) => lastLogLine(client, namespace, pod),
  }
}

const lastLogLine = async (client: KubeClient, namespace: string, pod: string): Promise<string | undefined> => {
  try {
    const lines = (await client.logs(namespace, pod, 2)).split('\n')
    // The last element is what follows the last line feed: empty, or a line that is still being written.
    return lines.at(-2) || undefined
  } catch (error) {
    // 400: the container has not started.
    if (isApiError(error, (e) => e.isNotFound || e.code === 400)) return undefined
    throw error
  }
}

const orUndefined = async <T>(call: Promise<T>): Promise<T | undefined> => {
  try {
    return await call
  } catch (error) {
    if (isApiError(error, (e) => e.isNotFound)) return undefined
    throw error
  }
}
