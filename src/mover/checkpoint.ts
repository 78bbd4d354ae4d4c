import { dataPrefix } from '../manifest/keys.ts'
import { saveVolume, writeMark } from '../transfer/checkpoint.ts'
import { claimDirectory, readCommit } from '../transfer/commit.ts'
import { findJournals, JournalWriter, mergeJournals, sweepJournals } from '../transfer/journal.ts'
import { walkReadable } from '../transfer/survey.ts'
import { inTurn } from '../transfer/turn.ts'
import type { DoneOf, MoveDeps, Run } from './deps.ts'
import { outputOf } from './output.ts'
import { cutText } from './result.ts'

/** So that progress has a total. */
const measure = async (deps: MoveDeps): Promise<void> => {
  let [files, bytes] = [0, 0]
  for await (const { size } of walkReadable(deps.data, deps.signal, undefined, true)) {
    files++
    bytes += size
  }
  deps.progress.expect(files, bytes)
}

const nothing: DoneOf<'Checkpoint'> = { op: 'Checkpoint', outcome: 'Done', files: 0, bytes: 0, uploaded: 0, left: 0 }

/** Saves the state of a volume that is being written to: only what changed since the last time. Nothing is committed by it. */
export const checkpoint: Run<'Checkpoint'> = async (deps, spec) => {
  const { signal } = deps
  const { sequence, base } = spec
  const { prefix } = spec.store
  const store = await deps.openStore(spec.store)
  await claimDirectory(store, prefix, spec.dataset, () => new Date(spec.openedAt), signal)
  // It was committed meanwhile: what it has is no longer ours to touch.
  if ((await readCommit(store, prefix, sequence, signal)) !== undefined) return nothing
  return inTurn({ store, prefix, sequence, now: deps.now }, signal, async (turn) => {
    if ((await readCommit(store, prefix, sequence, signal)) !== undefined) {
      await sweepJournals(store, prefix, sequence, signal)
      return nothing
    }
    const output = outputOf({ data: deps.data, store, prefix, sequence, turn }, base, signal)
    await store.abortUploads(dataPrefix(prefix, sequence), signal)
    await measure(deps)
    const attempts = await findJournals(store, prefix, sequence, signal)
    const { attempt } = turn
    const journal = new JournalWriter(store, prefix, sequence, attempt, signal)
    const earlier = mergeJournals(store, attempts, signal)
    const now = deps.now ?? Date.now
    const { names, ...saved } = await saveVolume(output, earlier, journal, { progress: deps.progress, now }, signal)
    const { files, bytes } = saved
    // A later attempt reads the journals that are let go of here.
    await turn.check(signal)
    await writeMark(output, { attempt, files, bytes }, [...attempts.values()].flat(), signal)
    const shown = names.map((name) => cutText(name, 200))
    return { op: 'Checkpoint', outcome: 'Done', ...saved, ...(shown.length === 0 ? {} : { names: shown }) }
  })
}
