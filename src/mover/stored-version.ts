import type { StoredVersion } from '../api/move-result.ts'
import type { TagRecord } from '../manifest/marks.ts'
import type { CommitRecord } from '../manifest/types.ts'

/** What the operator is told of a version in the store, with the tags that point at it: as the store has them, else as the version asked. */
export const storedVersion = (record: CommitRecord, tags: ReadonlyMap<string, TagRecord>): StoredVersion => {
  const pointing = [...tags.values()].filter((tag) => tag.sequence === record.sequence).map(({ name }) => name)
  const asked = (record.tags ?? []).filter((tag) => !tags.has(tag))
  const all = [...new Set([...pointing, ...asked])]
  return {
    n: record.sequence,
    digest: record.digest,
    root: record.root,
    files: record.files,
    bytes: record.bytes,
    at: record.createdAt,
    ...(record.parent === undefined ? {} : { parent: record.parent }),
    ...(record.message === undefined ? {} : { message: record.message.slice(0, 100) }),
    ...(all.length === 0 ? {} : { tags: all }),
    ...(record.import === undefined ? {} : { import: record.import }),
  }
}
