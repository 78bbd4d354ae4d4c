import type { StoredDataset } from '../api/move.ts'
import { layoutKey, tombstoneKey } from '../manifest/keys.ts'
import { parseLayout } from '../manifest/records.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { readCommit } from '../transfer/commit.ts'
import { readSmall } from '../transfer/read-small.ts'
import { removeEverything } from '../transfer/sweep/everything.ts'
import { Remover } from '../transfer/sweep/remover.ts'
import { sweep } from '../transfer/sweep/sweep.ts'
import { mirrorTags, readTags } from '../transfer/sweep/tags.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { MoveFailure } from './failure.ts'
import { storedVersion } from './stored-version.ts'

type Done = DoneOf<'Sweep'>

const nothing: Done = {
  op: 'Sweep',
  outcome: 'Done',
  tombstoned: 0,
  restored: [],
  gone: [],
  purged: [],
  objects: 0,
  bytes: 0,
  more: false,
  tombstones: [],
}
/** What fits into a result. */
const mostTombstones = 40
const mostPurged = 100

/** Whether there is anything of this very Dataset; another one's directory is not touched. */
const isOurs = async (store: ObjectStore, prefix: string, dataset: StoredDataset, signal: AbortSignal) => {
  // Whatever the operator says: never the whole of a bucket.
  if (!prefix.endsWith(`/${dataset.namespace}/${dataset.name}/`) && prefix !== `${dataset.namespace}/${dataset.name}/`)
    throw new MoveFailure('InvalidSpec', `${prefix} is not the directory of ${dataset.namespace}/${dataset.name}`)
  const found = await readSmall(store, layoutKey(prefix), signal)
  if (found === undefined) return false
  const { uid } = parseLayout(found.bytes)
  if (uid === dataset.uid) return true
  throw new MoveFailure(
    'AdoptionRequired',
    `${store.name}/${prefix} belongs to another Dataset of this name (uid ${uid}): nothing is removed there`,
  )
}

/** Takes the tombstones away from versions whose records are still there. */
const restore = async (store: ObjectStore, spec: SpecOf<'Sweep'>, signal: AbortSignal) => {
  const { prefix } = spec.store
  const restored: Done['restored'] = []
  const gone: number[] = []
  const tags = spec.restore.length === 0 ? new Map() : await readTags(store, prefix, signal)
  for (const sequence of spec.restore) {
    const record = await readCommit(store, prefix, sequence, signal)
    if (record === undefined) gone.push(sequence)
    else {
      if (spec.dryRun !== true) await store.remove([tombstoneKey(prefix, sequence)], signal)
      restored.push(storedVersion(record, tags))
    }
  }
  return { restored, gone }
}

/** Cleans up behind a Dataset's versions, and writes down what its store needs to be adopted from. */
export const runSweep = async (deps: MoveDeps, spec: SpecOf<'Sweep'>): Promise<Done> => {
  const { log, signal } = deps
  const { prefix } = spec.store
  const store = await deps.openStore(spec.store)
  if (!(await isOurs(store, prefix, spec.dataset, signal))) return { ...nothing, gone: spec.restore }
  if (spec.everything === true) {
    const remover = new Remover(store, { limit: spec.limit, dryRun: spec.dryRun ?? false, log, signal })
    await removeEverything(store, prefix, remover, signal)
    return { ...nothing, objects: remover.objects, bytes: remover.bytes, more: remover.more }
  }
  const back = await restore(store, spec, signal)
  if (spec.tags !== undefined && spec.dryRun !== true) await mirrorTags(store, prefix, spec.tags, signal)
  const swept = await sweep({ store, prefix, log, signal }, spec)
  const tombstones = swept.tombstones
    .filter(({ reason }) => reason === 'Deleted')
    .sort((a, b) => b.sequence - a.sequence)
    .slice(0, mostTombstones)
    .map(({ sequence, until }) => ({ n: sequence, until }))
  return {
    op: 'Sweep',
    outcome: 'Done',
    ...swept,
    ...back,
    purged: swept.purged.slice(0, mostPurged),
    tombstones,
  }
}
