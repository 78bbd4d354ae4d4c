import { dataKey, dataPrefix } from '../manifest/keys.ts'
import type { CommitRecord, Entry } from '../manifest/types.ts'
import { writeManifest } from '../manifest/write.ts'
import { claimDirectory, commit, readCommit } from '../transfer/commit.ts'
import { copyFile } from '../transfer/copy.ts'
import type { Origin } from '../transfer/fetch.ts'
import { manifestSink } from '../transfer/manifest-store.ts'
import { mapOrdered } from '../transfer/pool.ts'
import { readVersion } from '../transfer/read-version.ts'
import type { DoneOf, MoveDeps, Run } from './deps.ts'
import { originOf } from './origin.ts'
import { recordOf } from './record.ts'
import { verifyStored } from './verify-stored.ts'

/** Files that are copied at a time. */
const width = 8

const doneOf = ({ sequence, digest, root, files, bytes }: CommitRecord): DoneOf<'Materialize'> => ({
  op: 'Materialize',
  outcome: 'Committed',
  sequence,
  digest,
  root,
  files,
  bytes,
})

/** The files of a version, each copied under the new number before its line is given out. */
const copies = (deps: MoveDeps, origin: Origin, root: string, sequence: number): AsyncGenerator<Entry> =>
  mapOrdered(
    readVersion(origin.store, origin.prefix, root, deps.signal),
    width,
    async (entry, stop) => {
      const { o: _, u: _1, ...line } = entry
      if (entry.l !== undefined) return line
      const to = { store: origin.store, key: dataKey(origin.prefix, sequence, entry.p) }
      await copyFile(origin, entry, to, {}, stop)
      deps.progress.files(1)
      deps.progress.bytes(entry.s ?? 0)
      return line
    },
    deps.signal,
  )

/** Makes a version with the content of another, all of whose bytes lie in the store under its own number: it depends on no source and no other version. */
export const materialize: Run<'Materialize'> = async (deps, spec) => {
  const { signal } = deps
  const { intent, dataset, version } = spec
  const { sequence } = intent
  const origin = await originOf(deps, spec)
  const { store, prefix } = origin
  await claimDirectory(store, prefix, dataset, () => new Date(intent.createdAt), signal)
  const finish = async (written: Parameters<typeof recordOf>[1]) =>
    doneOf(await commit(store, prefix, recordOf(spec, written), { now: deps.now }, signal))
  const before = await readCommit(store, prefix, sequence, signal)
  if (before !== undefined) return finish(before)
  await store.abortUploads(dataPrefix(prefix, sequence), signal)
  const entries = copies(deps, origin, version.root, sequence)
  const { root, rootDigest } = await writeManifest(entries, manifestSink(store, prefix, signal))
  await verifyStored(store, prefix, sequence, readVersion(store, prefix, rootDigest, signal), signal)
  return finish({ root: rootDigest, digest: root.digest, files: root.files, bytes: root.bytes, import: 'Copy' })
}
