import { fetchRoot, shardsOf } from '../transfer/manifest-store.ts'
import { populateVolume } from '../transfer/populate.ts'
import type { Run } from './deps.ts'

const modes = {
  ReadOnly: { file: 0o444, executable: 0o555, directory: 0o555 },
  Working: { file: 0o666, executable: 0o777, directory: 0o777 },
}

/** Fills the volume with a committed version. */
export const populate: Run<'Populate'> = async (deps, spec) => {
  const store = await deps.openStore(spec.store)
  const bucket = spec.source?.s3?.bucket ?? spec.source?.gcs?.bucket
  const source = spec.source && bucket !== undefined ? { store: await deps.openStore(spec.source), bucket } : undefined
  const { prefix } = spec.store
  const root = await fetchRoot(store, prefix, spec.version.root, deps.signal)
  const filling = {
    data: deps.data,
    origin: { store, prefix, sequence: spec.version.sequence, ...(source && { source }) },
    root,
    fetchShard: shardsOf(store, prefix, deps.signal),
    modes: modes[spec.modes],
    capacity: spec.capacity,
  }
  await populateVolume(filling, deps.progress, deps.signal)
  return { op: 'Populate', outcome: 'Done', files: root.files, bytes: root.bytes }
}
