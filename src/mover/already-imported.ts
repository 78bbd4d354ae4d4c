import type { CommitRecord } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { cleanUp } from '../transfer/strays.ts'
import type { DoneOf, SpecOf } from './deps.ts'
import { MoveFailure } from './failure.ts'

/** An earlier attempt got as far as the commit: its listing is not known any more, so no fingerprint; the next look at the source compares anew. */
export const alreadyImported = async (
  store: ObjectStore,
  record: CommitRecord,
  { dataset, intent, store: { prefix } }: SpecOf<'Import'>,
  signal: AbortSignal,
): Promise<DoneOf<'Import'>> => {
  if (record.createdAt !== intent.createdAt || record.dataset.uid !== dataset.uid) {
    const message = `v${intent.sequence} was committed by somebody else: two clusters or two Datasets share this prefix; give each its own`
    throw new MoveFailure('CommitConflict', message)
  }
  await cleanUp(store, prefix, record, undefined, signal)
  return {
    op: 'Import',
    outcome: 'Committed',
    sequence: record.sequence,
    digest: record.digest,
    root: record.root,
    files: record.files,
    bytes: record.bytes,
    mode: record.import ?? 'Copy',
    modeReason: 'as an earlier attempt committed it',
    fingerprint: '',
    skipped: 0,
  }
}
