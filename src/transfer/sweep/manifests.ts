import { manifestsPrefix, rootKey, rootsPrefix, shardKey } from '../../manifest/keys.ts'
import type { ListedObject, ObjectStore } from '../../stores/object-store.ts'
import type { Living } from './living.ts'
import type { Remover } from './remover.ts'

const batch = 1000

/** Removes roots and shards that no committed version has, if they were written before `before` (ms since 1970). Only while no mover writes for the Dataset. */
export const sweepManifests = async (
  scene: {
    store: ObjectStore
    prefix: string
    living: Living
    leaving: ReadonlySet<number>
    remover: Remover
    signal: AbortSignal
  },
  before: number,
): Promise<void> => {
  const { store, prefix, living, leaving, remover, signal } = scene
  const named = () =>
    new Set(
      [...living.versions.values()].flatMap(({ rootDigest, root }) => [
        rootKey(prefix, rootDigest),
        ...root.shards.map(({ sha256 }) => shardKey(prefix, sha256)),
      ]),
    )
  const removeUnnamed = async (found: ListedObject[]): Promise<void> => {
    if (found.length === 0) return
    await living.look(leaving)
    const known = named()
    await remover.remove(found.filter(({ key }) => !known.has(key)))
  }
  for (const directory of [rootsPrefix(prefix), manifestsPrefix(prefix)]) {
    const known = named()
    let found: ListedObject[] = []
    for await (const object of store.list(directory, { signal })) {
      if (known.has(object.key) || (object.modified ?? 0) > before) continue
      found.push(object)
      if (found.length < batch) continue
      await removeUnnamed(found)
      found = []
      if (remover.more) return
    }
    await removeUnnamed(found)
  }
}
