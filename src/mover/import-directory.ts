import { dataPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import { type ManifestSink, writeManifest } from '../manifest/write.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { checkPlaced, checkQuiet, checkTwice } from '../transfer/check-output.ts'
import { collectOutput, type Output } from '../transfer/collect-output.ts'
import { claimDirectory, commit, readCommit } from '../transfer/commit.ts'
import {
  findJournals,
  type JournalLine,
  JournalWriter,
  mergeJournals,
  readJournal,
  sweepJournals,
} from '../transfer/journal.ts'
import { manifestSink } from '../transfer/manifest-store.ts'
import { readVersion } from '../transfer/read-version.ts'
import {
  fileState,
  findRecords,
  keepRecords,
  locationId,
  RecordWriter,
  readRecords,
} from '../transfer/source-record.ts'
import { cleanUp } from '../transfer/strays.ts'
import { inTurn } from '../transfer/turn.ts'
import { alreadyImported } from './already-imported.ts'
import type { DoneOf, MoveDeps, SpecOf } from './deps.ts'
import { surveyDirectory } from './directory-source.ts'
import { MoveFailure } from './failure.ts'
import { copyOnly } from './import-mode.ts'
import { listedAs, recordOf } from './record.ts'

type Import = SpecOf<'Import'>

/** A file that was written shortly before it was read may have been written again within the same tick of its clock: its times prove nothing. */
const settledMs = 2000

async function* entriesOf(journal: AsyncIterable<JournalLine>): AsyncGenerator<Entry> {
  for await (const { entry } of journal) yield entry
}

/** Nothing is stored: for the digest alone. */
const nowhere: ManifestSink = { shard: async () => {}, root: async () => {} }

/** The source in words of its own: what an output's failure would say is said of a source. */
const ofSource = (label: string, live: boolean, error: unknown): unknown => {
  if (!(error instanceof MoveFailure) || error.reason !== 'WritersActive') return error
  const remedy = live
    ? 'spec.source.claim.live reads what pods write to only while they leave it alone: it is tried again'
    : 'it is tried again; end what writes there'
  return new MoveFailure(
    'WritersActive',
    `${label}: ${error.names[0]} changed while it was read: ${remedy}`,
    error.names,
  )
}

/** Uploads what is new, and sees that nothing changed meanwhile. Returns the journal of it, and how much earlier attempts left. */
const bringIn = async (deps: MoveDeps, spec: Import, output: Output) => {
  const { store, prefix, sequence, data, wanted, turn } = output
  const { signal } = deps
  const { label, live = false } = spec.source.directory!
  await store.abortUploads(dataPrefix(prefix, sequence), signal)
  const attempts = await findJournals(store, prefix, sequence, signal)
  const writer = new JournalWriter(store, prefix, sequence, turn.attempt, signal)
  const journal = () => readJournal(store, writer.keys, signal)
  try {
    await collectOutput(output, mergeJournals(store, attempts, signal), writer, deps.progress, signal)
    if (live) {
      const changed = await checkTwice(data, journal(), signal, wanted)
      if (changed.length > 0) throw new MoveFailure('WritersActive', '', changed)
    } else await checkQuiet(data, journal(), signal, wanted)
  } catch (error) {
    throw ofSource(label, live, error)
  }
  return { journal, strays: await checkPlaced(output, journal(), signal) }
}

/** Writes down by what the next import will know these files again. */
const writeRecord = async (
  { signal, now = Date.now }: MoveDeps,
  output: Output,
  location: string,
  attempt: number,
  journal: AsyncIterable<JournalLine>,
): Promise<void> => {
  const { store, prefix, sequence } = output
  const writer = new RecordWriter(store, { prefix, location, sequence }, attempt, signal)
  const settled = BigInt(now() - settledMs) * 1_000_000n
  for await (const { p, entry, stamp } of journal) {
    if (entry.s === undefined || entry.h === undefined || stamp.ctime > settled) continue
    await writer.add({ p, state: fileState({ ...stamp, size: entry.s }), s: entry.s, h: entry.h })
  }
  await writer.flush()
  await keepRecords(store, prefix, writer.keys, signal)
}

/** Makes a version of a directory of a volume: as an output is kept, but that the volume is somebody's own and only some of it may be wanted. */
export const importDirectory = async (
  deps: MoveDeps,
  spec: Import,
  store: ObjectStore,
  source: ObjectStore,
): Promise<DoneOf<'Import'>> => {
  const { signal } = deps
  const { intent, parent, dataset } = spec
  const { prefix } = spec.store
  const { sequence } = intent
  const found = await surveyDirectory(source, spec.source, spec, dataPrefix(prefix, sequence), signal)
  deps.progress.expect(found.files, found.bytes)
  const { kind, label } = spec.source.directory!
  const { reason: modeReason } = copyOnly(spec.mode, label)
  deps.log.info({ files: found.files, bytes: found.bytes, source: label }, 'importing')

  await claimDirectory(store, prefix, dataset, () => new Date(intent.createdAt), signal)
  const location = locationId([kind, label, spec.source.prefix])
  const records = await findRecords(store, { prefix, location }, signal)
  return inTurn({ store, prefix, sequence, now: deps.now }, signal, async (turn) => {
    const before = await readCommit(store, prefix, sequence, signal)
    if (before !== undefined) return alreadyImported(store, before, spec, signal)
    const output: Output = {
      data: found.root,
      store,
      prefix,
      sequence,
      turn,
      wanted: found.wanted,
      recorded: () => readRecords(store, records, sequence, signal),
      ...(parent && {
        base: { sequence: parent.sequence, entries: () => readVersion(store, prefix, parent.root, signal) },
      }),
    }
    const { journal, strays } = await bringIn(deps, spec, output)
    const { attempt } = turn
    const said = {
      op: 'Import' as const,
      mode: 'Copy' as const,
      modeReason,
      fingerprint: found.fingerprint,
      skipped: 0,
      ...warningsOf(found.warnings),
    }
    const { root: content } = await writeManifest(entriesOf(journal()), nowhere)
    if (parent !== undefined && content.digest === parent.digest) {
      await writeRecord(deps, output, location, attempt, journal())
      await sweepJournals(store, prefix, sequence, signal)
      const { files, bytes } = content
      return { ...said, outcome: 'Unchanged', digest: parent.digest, root: parent.root, files, bytes }
    }
    const { root, rootDigest } = await writeManifest(entriesOf(journal()), manifestSink(store, prefix, signal))
    const { digest, files, bytes } = root
    const record = recordOf(listedAs(spec, found.fingerprint), {
      root: rootDigest,
      digest,
      files,
      bytes,
      import: 'Copy',
    })
    await turn.seal(signal)
    const options = { builtOn: parent?.sequence, now: deps.now, inTime: () => turn.checkInTime() }
    const committed = await commit(store, prefix, record, options, signal)
    if (committed.root !== rootDigest) return alreadyImported(store, committed, spec, signal)
    await writeRecord(deps, output, location, attempt, journal())
    await cleanUp(store, prefix, committed, strays, signal)
    return { ...said, outcome: 'Committed', sequence: committed.sequence, digest, root: committed.root, files, bytes }
  })
}

const warningsOf = (warnings: string[]) => (warnings.length === 0 ? {} : { warnings })
