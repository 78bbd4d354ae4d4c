import type { MoveLocation } from '../api/move.ts'
import type { Origin } from '../transfer/fetch.ts'
import { bucketOf } from './bucket.ts'
import type { MoveDeps } from './deps.ts'

/** Where a committed version's bytes are: its store, and the source if that is given. */
export const originOf = async (
  deps: MoveDeps,
  spec: { store: MoveLocation; source?: MoveLocation | undefined; version: { sequence: number } },
): Promise<Origin> => {
  const store = await deps.openStore(spec.store)
  const bucket = spec.source && bucketOf(spec.source)
  const source = spec.source && bucket !== undefined ? { store: await deps.openStore(spec.source), bucket } : undefined
  return { store, prefix: spec.store.prefix, sequence: spec.version.sequence, ...(source && { source }) }
}
