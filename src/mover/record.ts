import type { Intent, StoredDataset } from '../api/move.ts'
import type { CommitRecord } from '../manifest/types.ts'

/** The commit record of a version: everything in it comes from the intent and the manifest, so a retry writes the same bytes. */
export const recordOf = (
  { dataset, intent }: { dataset: StoredDataset; intent: Intent },
  written: Pick<CommitRecord, 'root' | 'digest' | 'files' | 'bytes' | 'import'>,
): CommitRecord => {
  const { namespace, name, uid } = dataset
  const { sequence, createdAt, parent, message, tags, producer, inputs } = intent
  const { root, digest, files, bytes } = written
  const of = { namespace, name, uid }
  const record: CommitRecord = { layout: 1, dataset: of, sequence, createdAt, root, digest, files, bytes }
  return Object.assign(
    record,
    parent !== undefined && { parent },
    message !== undefined && { message },
    tags !== undefined && { tags },
    producer !== undefined && { producer },
    inputs !== undefined && { inputs },
    written.import !== undefined && { import: written.import },
  )
}

/** The same of a source, with what was read of it: the fingerprint of its listing, object versions included where it keeps them. */
export const listedAs = <T extends { intent: Intent }>(spec: T, listing: string): T =>
  spec.intent.producer === undefined
    ? spec
    : { ...spec, intent: { ...spec.intent, producer: { ...spec.intent.producer, listing } } }
