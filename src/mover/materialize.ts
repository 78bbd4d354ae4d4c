import { joinEntries } from '../manifest/diff.ts'
import { dataKey, dataPrefix } from '../manifest/keys.ts'
import type { CommitRecord, Entry } from '../manifest/types.ts'
import { writeManifest } from '../manifest/write.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'
import { claimDirectory, commit, readCommit } from '../transfer/commit.ts'
import type { Condition } from '../transfer/conditional.ts'
import { copyFile, holds } from '../transfer/copy.ts'
import type { Origin } from '../transfer/fetch.ts'
import { manifestSink } from '../transfer/manifest-store.ts'
import { mapOrdered } from '../transfer/pool.ts'
import { readVersion } from '../transfer/read-version.ts'
import { listCopied } from '../transfer/source-record.ts'
import { cleanUp } from '../transfer/strays.ts'
import { inTurn, type Turn } from '../transfer/turn.ts'
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
const copies = (deps: MoveDeps, origin: Origin, root: string, turn: Turn, sequence: number): AsyncGenerator<Entry> => {
  const { store, prefix } = origin
  return mapOrdered(
    withCopies(readVersion(store, prefix, root, deps.signal), store, dataPrefix(prefix, sequence), deps.signal),
    width,
    async ({ entry, copied }, stop) => {
      const { o: _, u: _1, ...line } = entry
      if (entry.l !== undefined) return line
      const key = dataKey(prefix, sequence, entry.p)
      const copy = (condition: Condition) => copyFile(origin, entry, { store, key }, condition, stop)
      if (copied === undefined || !(await holds(store, copied, entry, stop))) await turn.place(key, copied, copy, stop)
      deps.progress.files(1)
      deps.progress.bytes(entry.s ?? 0)
      return line
    },
    deps.signal,
  )
}

/** The files of a version, each with what an earlier attempt copied of it. */
async function* withCopies(
  entries: AsyncIterable<Entry>,
  store: ObjectStore,
  under: string,
  signal: AbortSignal,
): AsyncGenerator<{ entry: Entry; copied: ListedObject | undefined }> {
  for await (const { a, b } of joinEntries(entries, listCopied(store, under, signal)))
    if (a !== undefined) yield { entry: a, copied: b }
}

/** Makes a version with the content of another, all of whose bytes lie in the store under its own number: it depends on no source and no other version. */
export const materialize: Run<'Materialize'> = async (deps, spec) => {
  const { signal } = deps
  const { intent, dataset, version } = spec
  const { sequence } = intent
  const origin = await originOf(deps, spec)
  const { store, prefix } = origin
  await claimDirectory(store, prefix, dataset, () => new Date(intent.createdAt), signal)
  const finish = async (written: Parameters<typeof recordOf>[1], strays?: number, inTime?: () => void) => {
    const committed = await commit(store, prefix, recordOf(spec, written), { now: deps.now, inTime }, signal)
    await cleanUp(store, prefix, committed, strays, signal)
    return doneOf(committed)
  }
  const before = await readCommit(store, prefix, sequence, signal)
  if (before !== undefined) return finish(before)
  return inTurn({ store, prefix, sequence, now: deps.now }, signal, async (turn) => {
    const meanwhile = await readCommit(store, prefix, sequence, signal)
    if (meanwhile !== undefined) return finish(meanwhile)
    await store.abortUploads(dataPrefix(prefix, sequence), signal)
    const entries = copies(deps, origin, version.root, turn, sequence)
    const { root, rootDigest } = await writeManifest(entries, manifestSink(store, prefix, signal))
    const strays = await verifyStored(store, prefix, sequence, readVersion(store, prefix, rootDigest, signal), signal)
    await turn.seal(signal)
    const { digest, files, bytes } = root
    return finish({ root: rootDigest, digest, files, bytes, import: 'Copy' }, strays, () => turn.checkInTime())
  })
}
