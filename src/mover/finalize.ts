import { dataPrefix } from '../manifest/keys.ts'
import type { CommitRecord, Entry } from '../manifest/types.ts'
import { writeManifest } from '../manifest/write.ts'
import { checkPlaced, checkQuiet } from '../transfer/check-output.ts'
import { checkpointLines } from '../transfer/checkpoint.ts'
import { collectOutput, type Output } from '../transfer/collect-output.ts'
import { claimDirectory, commit, readCommit } from '../transfer/commit.ts'
import { findJournals, type JournalLine, JournalWriter, mergeJournals, readJournal } from '../transfer/journal.ts'
import { manifestSink } from '../transfer/manifest-store.ts'
import { cleanUp } from '../transfer/strays.ts'
import { type Survey, survey } from '../transfer/survey.ts'
import { inTurn } from '../transfer/turn.ts'
import type { DoneOf, MoveDeps, Run, SpecOf } from './deps.ts'
import { MoveFailure } from './failure.ts'
import { outputOf } from './output.ts'
import { recordOf } from './record.ts'

const doneOf = (record: CommitRecord, uploaded: number): DoneOf<'Finalize'> => {
  const { sequence, digest, root, files, bytes } = record
  return { op: 'Finalize', outcome: 'Committed', sequence, digest, root, files, bytes, uploaded }
}

async function* entriesOf(journal: AsyncIterable<JournalLine>, count: (bytes: number) => void): AsyncGenerator<Entry> {
  for await (const { entry } of journal) {
    if (entry.o === undefined && entry.u === undefined) count(entry.s ?? 0)
    yield entry
  }
}

/** What is stored for the version. */
interface Brought {
  journal: () => AsyncIterable<JournalLine>
  /** Objects that earlier attempts left and this one doesn't need. */
  strays: number
}

/** Uploads what is new, sees that nothing was written meanwhile, and that the store has it all. */
const bringIn = async (deps: MoveDeps, output: Output): Promise<Brought> => {
  const { store, prefix, sequence, turn } = output
  const { signal } = deps
  await store.abortUploads(dataPrefix(prefix, sequence), signal)
  const attempts = await findJournals(store, prefix, sequence, signal)
  const writer = new JournalWriter(store, prefix, sequence, turn.attempt, signal)
  await collectOutput(output, mergeJournals(store, attempts, signal), writer, deps.progress, signal)
  const journal = () => readJournal(store, writer.keys, signal)
  await checkQuiet(output.data, journal(), signal)
  // Once more: the start of an upload may have been on its way when the attempt that sent it was killed.
  await store.abortUploads(dataPrefix(prefix, sequence), signal)
  return { journal, strays: await checkPlaced(output, journal(), signal) }
}

/** What is on the volume, if that can become a version. */
const lookThrough = async (deps: MoveDeps, spec: SpecOf<'Finalize'>): Promise<Survey> => {
  const found = await survey(deps.data, dataPrefix(spec.store.prefix, spec.intent.sequence), deps.signal)
  if (found.files === 0 && !spec.allowEmpty)
    throw new MoveFailure(
      'EmptyOutput',
      'the output has no files: have the writer write to its volume, or allow it: spec.outputs.allowEmpty: true on the Dataset',
    )
  deps.progress.expect(found.files, found.bytes)
  return found
}

/** What the last checkpoint saved, and nothing else: the volume is lost. */
const fromCheckpoint = async (output: Output, signal: AbortSignal): Promise<Brought> => {
  const journal = await checkpointLines(output, signal)
  return { journal, strays: await checkPlaced(output, journal(), signal) }
}

/** Makes a version of what a writer left on the volume, or, if that is lost, of what the last checkpoint saved. */
export const finalize: Run<'Finalize'> = async (deps, spec) => {
  const { signal } = deps
  const { base, intent } = spec
  const { sequence } = intent
  const { prefix } = spec.store
  const store = await deps.openStore(spec.store)
  await claimDirectory(store, prefix, spec.dataset, () => new Date(intent.createdAt), signal)
  const finish = async (record: CommitRecord, uploaded: number, strays?: number, inTime?: () => void) => {
    const options = { builtOn: base?.sequence, now: deps.now, inTime }
    const committed = await commit(store, prefix, record, options, signal)
    await cleanUp(store, prefix, committed, strays, signal)
    return doneOf(committed, uploaded)
  }
  // An earlier attempt got there, or somebody else did: `commit` tells which. Its bytes are no longer ours to touch.
  const asBefore = (before: CommitRecord) => finish(recordOf(spec, before), 0)
  const before = await readCommit(store, prefix, sequence, signal)
  if (before !== undefined) return asBefore(before)
  return inTurn({ store, prefix, sequence, now: deps.now }, signal, async (turn) => {
    // Whoever commits from here on has said so before, or is stopped.
    const meanwhile = await readCommit(store, prefix, sequence, signal)
    if (meanwhile !== undefined) return asBefore(meanwhile)
    const output = outputOf({ data: deps.data, store, prefix, sequence, turn }, base, signal)
    const found = spec.checkpoint ? undefined : await lookThrough(deps, spec)
    const { journal, strays } = found === undefined ? await fromCheckpoint(output, signal) : await bringIn(deps, output)
    let uploaded = 0
    const entries = entriesOf(journal(), (bytes) => {
      uploaded += bytes
    })
    const { rootDigest, root } = await writeManifest(entries, manifestSink(store, prefix, signal))
    const { digest, files, bytes } = root
    await turn.seal(signal)
    const record = recordOf(spec, { root: rootDigest, digest, files, bytes })
    const done = await finish(record, uploaded, strays, () => turn.checkInTime())
    return found === undefined || found.warnings.length === 0 ? done : { ...done, warnings: found.warnings }
  })
}
