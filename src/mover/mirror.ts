import type { MoveLocation } from '../api/move.ts'
import type { Entry } from '../manifest/types.ts'
import { fetchRoot } from '../transfer/manifest-store.ts'
import { mirrorVersion } from '../transfer/mirror.ts'
import { readVersion } from '../transfer/read-version.ts'
import { sameBucket } from './bucket.ts'
import type { Run, SpecOf } from './deps.ts'
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

/** Versions that point at objects may see them replaced only if they name old states of them. All files of an import are named in the same way. */
const checkReferred = async (spec: SpecOf<'Mirror'>, imported: AsyncIterable<Entry> | undefined): Promise<void> => {
  if (!spec.ownSource?.referred) return
  for await (const { u } of imported ?? []) {
    if (u === undefined) continue
    if (u.v !== undefined && u.v !== 'null') return
    throw new MoveFailure(
      'WriteBackWouldOverwrite',
      `versions of this Dataset point at the objects of its source, which keeps no old states of them (${JSON.stringify(u.k)}): set spec.import: Copy, switch on versions in the bucket and import again, or write to another prefix`,
      [u.k],
    )
  }
}

const warningsOf = (symlinks: number, first: string[]): string[] => {
  if (symlinks === 0) return []
  const more = symlinks > first.length ? ` and ${symlinks - first.length} more` : ''
  const names = first.map((name) => JSON.stringify(name)).join(', ')
  return [`symlinks are not mirrored, an object store has none: ${names}${more}`]
}

/** Writes a version's files as plain objects to another place. */
export const mirror: Run<'Mirror'> = async (deps, spec) => {
  const { signal, progress, log } = deps
  checkApart(spec.store, spec.destination)
  const origin = await originOf(deps, spec)
  const { store, prefix } = origin
  const imported = spec.ownSource?.imported
  const read = (version: { root: string } | undefined) => version && readVersion(store, prefix, version.root, signal)
  await checkReferred(spec, read(imported))
  const root = await fetchRoot(store, prefix, spec.version.root, signal)
  progress.expect(root.files, root.bytes)
  const { include, exclude } = spec.ownSource ?? {}
  const mirroring = {
    origin,
    entries: () => readVersion(store, prefix, spec.version.root, signal),
    known: [read(spec.previous), read(imported)].filter((entries) => entries !== undefined),
    store: await deps.openStore(spec.destination),
    prefix: spec.destination.prefix,
    prune: spec.prune,
    overwrite: spec.onConflict === 'Overwrite',
    ...(spec.ownSource && { source: { include, exclude } }),
  }
  const { written, removed, symlinks, firstSymlinks, fingerprint } = await mirrorVersion(mirroring, progress, signal)
  const warnings = warningsOf(symlinks, firstSymlinks)
  for (const warning of warnings) log.warn(warning)
  return {
    op: 'Mirror',
    outcome: 'Done',
    files: root.files,
    bytes: root.bytes,
    written,
    removed,
    ...(fingerprint === undefined ? {} : { fingerprint }),
    ...(warnings.length === 0 ? {} : { warnings }),
  }
}
