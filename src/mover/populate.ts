import { fetchRoot, shardsOf } from '../transfer/manifest-store.ts'
import { populateVolume } from '../transfer/populate.ts'
import type { Run } from './deps.ts'
import { originOf } from './origin.ts'

const modes = {
  ReadOnly: { file: 0o444, executable: 0o555, directory: 0o555 },
  Working: { file: 0o666, executable: 0o777, directory: 0o777 },
}

/** Fills the volume with a committed version. */
export const populate: Run<'Populate'> = async (deps, spec) => {
  const origin = await originOf(deps, spec)
  const { store, prefix } = origin
  const root = await fetchRoot(store, prefix, spec.version.root, deps.signal)
  const filling = {
    data: deps.data,
    origin,
    root,
    fetchShard: shardsOf(store, prefix, deps.signal),
    modes: modes[spec.modes],
    capacity: spec.capacity,
  }
  await populateVolume(filling, deps.progress, deps.signal)
  return { op: 'Populate', outcome: 'Done', files: root.files, bytes: root.bytes }
}
