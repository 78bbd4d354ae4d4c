import type { MoveLocation } from '../api/move.ts'
import { fetchRoot } from '../transfer/manifest-store.ts'
import { mirrorVersion } from '../transfer/mirror.ts'
import { readVersion } from '../transfer/read-version.ts'
import { sameBucket } from './bucket.ts'
import type { Run } from './deps.ts'
import { MoveFailure } from './failure.ts'
import { originOf } from './origin.ts'

/** Mirroring into the Dataset's own directory, or around it, would overwrite or delete what versions are made of. */
const checkApart = (store: MoveLocation, destination: MoveLocation): void => {
  if (!sameBucket(store, destination)) return
  if (!store.prefix.startsWith(destination.prefix) && !destination.prefix.startsWith(store.prefix)) return
  throw new MoveFailure(
    'InvalidSpec',
    `spec.writeBack.prefix ${JSON.stringify(destination.prefix)} and the directory ${JSON.stringify(store.prefix)} where the versions live overlap: choose another prefix`,
  )
}

/** Writes a version's files as plain objects to another place. */
export const mirror: Run<'Mirror'> = async (deps, spec) => {
  const { signal, progress, log } = deps
  checkApart(spec.store, spec.destination)
  const origin = await originOf(deps, spec)
  const { store, prefix } = origin
  const root = await fetchRoot(store, prefix, spec.version.root, signal)
  progress.expect(root.files, root.bytes)
  const mirroring = {
    origin,
    entries: () => readVersion(store, prefix, spec.version.root, signal),
    ...(spec.previous && { previous: readVersion(store, prefix, spec.previous.root, signal) }),
    store: await deps.openStore(spec.destination),
    prefix: spec.destination.prefix,
    prune: spec.prune,
    overwrite: spec.onConflict === 'Overwrite',
  }
  const { written, removed, skipped } = await mirrorVersion(mirroring, progress, signal)
  if (skipped > 0) log.warn({ skipped }, 'symlinks are not mirrored: an object store has none')
  return { op: 'Mirror', outcome: 'Done', files: root.files, bytes: root.bytes, written, removed }
}
