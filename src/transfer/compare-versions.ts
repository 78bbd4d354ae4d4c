import { type Change as ChangedEntries, diff } from '../manifest/diff.ts'
import type { FetchShard } from '../manifest/read.ts'
import type { Entry, Root } from '../manifest/types.ts'

/** What a person is told of a file. */
export interface FileSide {
  size?: number
  sha256?: string
  link?: string
  executable?: true
}

export interface Change {
  change: 'added' | 'removed' | 'changed'
  path: string
  before?: FileSide
  after?: FileSide
}

export interface ChangeSummary {
  added: number
  removed: number
  changed: number
  /** Bytes more, or less. */
  bytes: number
  /** Parts of the manifests that were read, of all that they have. */
  shards: { read: number; all: number }
}

export const fileSide = ({ s, h, l, x }: Entry): FileSide => ({
  ...(s === undefined ? {} : { size: s }),
  ...(h === undefined ? {} : { sha256: h }),
  ...(l === undefined ? {} : { link: l }),
  ...(x === undefined ? {} : { executable: true }),
})

const told = ({ before, after }: ChangedEntries): Change => ({
  change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
  path: (after ?? before)!.p,
  ...(before && { before: fileSide(before) }),
  ...(after && { after: fileSide(after) }),
})

export interface Compared {
  root: Root
  fetch: FetchShard
}

export const noChange = (): ChangeSummary => ({
  added: 0,
  removed: 0,
  changed: 0,
  bytes: 0,
  shards: { read: 0, all: 0 },
})

/** Compares two versions, of the same store or of two, and gives every change to `each` as it is found, in the order of the paths. */
export const compareVersions = async (
  before: Compared,
  after: Compared,
  each: (change: Change) => Promise<void> | void,
): Promise<ChangeSummary> => {
  const summary = noChange()
  const own = new Set(before.root.shards.map(({ sha256 }) => sha256))
  summary.shards.all = before.root.shards.length + after.root.shards.length
  const fetch: FetchShard = (sha256) => {
    summary.shards.read++
    return (own.has(sha256) ? before : after).fetch(sha256)
  }
  for await (const change of diff(before.root, after.root, fetch)) {
    const one = told(change)
    summary[one.change]++
    summary.bytes += (one.after?.size ?? 0) - (one.before?.size ?? 0)
    await each(one)
  }
  return summary
}
