import type { MoveLocation } from '../api/move.ts'
import { dataPrefix } from '../manifest/keys.ts'
import { writeManifest } from '../manifest/write.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { claimDirectory, commit, readCommit } from '../transfer/commit.ts'
import { makeFilter } from '../transfer/filter.ts'
import { sweepJournals } from '../transfer/journal.ts'
import { manifestSink } from '../transfer/manifest-store.ts'
import { readVersion } from '../transfer/read-version.ts'
import { type ListingSummary, listSource, type SourceFile, summarize } from '../transfer/source.ts'
import {
  findRecords,
  keepRecords,
  listCopied,
  locationId,
  objectState,
  RecordWriter,
  readRecords,
} from '../transfer/source-record.ts'
import { cleanUp } from '../transfer/strays.ts'
import { inTurn } from '../transfer/turn.ts'
import { alreadyImported } from './already-imported.ts'
import { bucketOf, sameBucket } from './bucket.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { MoveFailure } from './failure.ts'
import { importDirectory } from './import-directory.ts'
import type { ImportRecord } from './import-file.ts'
import { importLines } from './import-lines.ts'
import { type ChosenMode, chooseMode, copyOnly } from './import-mode.ts'
import { listedAs, recordOf } from './record.ts'
import { verifyStored } from './verify-stored.ts'

const isBucket = ({ s3, gcs }: MoveLocation): boolean => s3 !== undefined || gcs !== undefined

/** A source that holds the store would be imported into itself, and grow with every version. */
const checkApart = ({ source, store, exclude }: SpecOf<'Import'>): void => {
  const sameClaim = source.directory !== undefined && source.directory.label === store.directory?.label
  if (!sameClaim && !sameBucket(source, store)) return
  if (!store.prefix.startsWith(source.prefix)) return
  const inside = store.prefix.slice(source.prefix.length)
  if (exclude?.length && !makeFilter({ exclude })(`${inside}data/v1/file`)) return
  const message = `the store's prefix ${store.prefix} lies inside the source's prefix: exclude "${inside}**" from the source, or choose another store prefix`
  throw new MoveFailure('InvalidSpec', message)
}

/** A bucket that keeps old versions for some time only keeps a version of the Dataset readable for no longer. */
const warnOfExpiry = async (
  source: ObjectStore,
  prefix: string,
  { mode, byVersion }: ChosenMode,
  signal: AbortSignal,
): Promise<string[]> => {
  if (mode !== 'Reference' || !byVersion || !(await source.removesVersions?.(prefix, signal))) return []
  return [
    `a lifecycle rule of ${source.name} removes old object versions under ${prefix}: versions that refer to them become unreadable then; use import: Copy, or change the rule`,
  ]
}

/** What earlier looks at this source wrote down, and what this one does. */
const openRecord = async (
  { source, store: { prefix }, intent: { sequence } }: SpecOf<'Import'>,
  store: ObjectStore,
  least: number,
  byVersion: boolean,
  signal: AbortSignal,
): Promise<ImportRecord> => {
  const { s3, gcs } = source
  const place = { prefix, location: locationId([s3?.endpoint, s3?.bucket, gcs?.endpoint, gcs?.bucket, source.prefix]) }
  const records = await findRecords(store, place, signal)
  const before = records.filter((one) => one.sequence === sequence).map((one) => one.attempt + 1)
  const attempt = Math.max(least, ...before)
  const writer = new RecordWriter(store, { ...place, sequence }, attempt, signal)
  return {
    read: () => readRecords(store, records, sequence, signal),
    copied: () => listCopied(store, dataPrefix(prefix, sequence), signal),
    stateOf: (object) => objectState(object, byVersion),
    add: (line) => writer.add(line),
    flush: () => writer.flush(),
    finish: async (mode) => {
      await writer.flush()
      // A manifest that refers to objects says as much of them as a record does.
      await keepRecords(store, prefix, mode === 'Copy' ? writer.keys : [], signal)
    },
  }
}

/** Lets files through and keeps the summary that the listing ends with. */
async function* keepSummary(
  files: AsyncGenerator<SourceFile, ListingSummary>,
  keep: (summary: ListingSummary) => void,
): AsyncGenerator<SourceFile> {
  keep(yield* files)
}

/**
 * Makes a version of what a prefix holds: lists it, reads every object once, stores or refers to it, and commits. Content that the parent has already
 * makes no version (`Unchanged`).
 */
export const runImport = async (deps: MoveDeps, spec: SpecOf<'Import'>): Promise<DoneOf<'Import'>> => {
  const { signal, progress, log } = deps
  const { dataset, intent, parent } = spec
  const store = await deps.openStore(spec.store)
  const prefix = spec.store.prefix
  const earlier = await readCommit(store, prefix, intent.sequence, signal)
  if (earlier) return alreadyImported(store, earlier, spec, signal)

  checkApart(spec)
  const sourceStore = await deps.openStore(spec.source)
  if (spec.source.directory !== undefined) return importDirectory(deps, spec, store, sourceStore)
  const source = { store: sourceStore, prefix: spec.source.prefix, rules: spec }
  const chosen = isBucket(spec.source)
    ? await chooseMode(spec.mode, sourceStore, spec.source.prefix, signal)
    : copyOnly(spec.mode, sourceStore.name)
  const listing = { versions: chosen.byVersion, signal }
  const planned = await summarize(source, listing)
  progress.expect(planned.objects, planned.bytes)
  log.info({ mode: chosen.mode, reason: chosen.reason, files: planned.objects, bytes: planned.bytes }, 'importing')

  await claimDirectory(store, prefix, dataset, () => new Date(intent.createdAt), signal)
  return inTurn({ store, prefix, sequence: intent.sequence, now: deps.now }, signal, async (turn) => {
    // Whoever commits from here on has said so before, or is stopped.
    const meanwhile = await readCommit(store, prefix, intent.sequence, signal)
    if (meanwhile) return alreadyImported(store, meanwhile, spec, signal)
    await store.abortUploads(dataPrefix(prefix, intent.sequence), signal)
    const recorded = await openRecord(spec, store, turn.attempt, chosen.byVersion, signal)
    const world = {
      ...chosen,
      recorded,
      turn,
      source: { store: sourceStore, bucket: bucketOf(spec.source) ?? '' },
      store,
      prefix,
      sequence: intent.sequence,
      parent: parent?.sequence,
      progress,
    }
    let summary = planned
    const files = keepSummary(listSource(source, listing), (found) => {
      summary = found
    })
    const readParent = parent && (() => readVersion(store, prefix, parent.root, signal))
    const entries = await importLines(world, files, readParent, signal)
    const warnings = [...(await warnOfExpiry(sourceStore, spec.source.prefix, chosen, signal)), ...summary.warnings]
    const said = {
      op: 'Import' as const,
      mode: chosen.mode,
      modeReason: chosen.reason,
      ...(warnings.length > 0 ? { warnings } : {}),
    }
    if (entries === undefined) {
      // What earlier attempts stored is swept with the number, as what never committed is.
      await recorded.finish(chosen.mode)
      await sweepJournals(store, prefix, intent.sequence, signal)
      const { fingerprint, skipped, objects, bytes } = summary
      const { digest, root } = parent!
      return { ...said, outcome: 'Unchanged', digest, root, files: objects, bytes, fingerprint, skipped }
    }
    const { root, rootDigest } = await writeManifest(entries, manifestSink(store, prefix, signal))
    const strays = await verifyStored(
      store,
      prefix,
      intent.sequence,
      readVersion(store, prefix, rootDigest, signal),
      signal,
    )
    // Once more: the start of an upload may have been on its way when the attempt that sent it was killed.
    await store.abortUploads(dataPrefix(prefix, intent.sequence), signal)
    await recorded.flush()
    const record = recordOf(listedAs(spec, summary.fingerprint), {
      root: rootDigest,
      digest: root.digest,
      files: root.files,
      bytes: root.bytes,
      import: chosen.mode,
    })
    await turn.seal(signal)
    const options = { builtOn: parent?.sequence, now: deps.now, inTime: () => turn.checkInTime() }
    const committed = await commit(store, prefix, record, options, signal)
    if (committed.root !== rootDigest) return alreadyImported(store, committed, spec, signal)
    await recorded.finish(chosen.mode)
    await cleanUp(store, prefix, committed, strays, signal)
    return {
      ...said,
      outcome: 'Committed',
      sequence: committed.sequence,
      digest: committed.digest,
      root: committed.root,
      files: committed.files,
      bytes: committed.bytes,
      fingerprint: summary.fingerprint,
      skipped: summary.skipped,
    }
  })
}
