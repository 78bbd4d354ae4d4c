import { readManifest } from '../manifest/read.ts'
import type { Entry } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { fetchRoot, shardsOf } from './manifest-store.ts'

/** The entries of a committed version, in order. `prefix` is the Dataset's directory. */
export async function* readVersion(
  store: ObjectStore,
  prefix: string,
  root: string,
  signal?: AbortSignal,
): AsyncGenerator<Entry> {
  yield* readManifest(await fetchRoot(store, prefix, root, signal), shardsOf(store, prefix, signal))
}
