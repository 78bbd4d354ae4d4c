import { layoutKey, versionsPrefix } from '../../manifest/keys.ts'
import type { ObjectStore } from '../../stores/object-store.ts'
import type { Remover } from './remover.ts'

const batch = 1000

const removeUnder = async (
  store: ObjectStore,
  prefix: string,
  but: string,
  remover: Remover,
  signal: AbortSignal,
): Promise<void> => {
  let found: { key: string; size: number }[] = []
  for await (const { key, size } of store.list(prefix, { signal })) {
    if (key === but) continue
    found.push({ key, size })
    if (found.length < batch) continue
    await remover.remove(found)
    found = []
    if (remover.more) return
  }
  await remover.remove(found)
}

/** Removes a Dataset's whole directory: the commit records first, so that nobody takes half a Dataset over, and what says whose it is last. */
export const removeEverything = async (
  store: ObjectStore,
  prefix: string,
  remover: Remover,
  signal: AbortSignal,
): Promise<void> => {
  const layout = layoutKey(prefix)
  await removeUnder(store, versionsPrefix(prefix), layout, remover, signal)
  await removeUnder(store, prefix, layout, remover, signal)
  if (remover.more || remover.isDryRun) return
  await store.abortUploads(prefix, signal)
  await store.remove([layout], signal)
}
