import { formatBytes } from '../../api/quantity.ts'
import { type Change, diff as changes } from '../../manifest/diff.ts'
import type { FetchShard } from '../../manifest/read.ts'
import type { Entry } from '../../manifest/types.ts'
import type { Context, Run } from '../command.ts'
import { findCommitted } from '../lookup.ts'
import { show } from '../print.ts'
import { type OpenVersion, withVersion } from '../version-files.ts'

interface Told {
  change: 'added' | 'removed' | 'changed'
  path: string
  before?: { size?: number; sha256?: string; link?: string; executable?: true }
  after?: Told['before']
}

const side = ({ s, h, l, x }: Entry): NonNullable<Told['before']> => ({
  ...(s === undefined ? {} : { size: s }),
  ...(h === undefined ? {} : { sha256: h }),
  ...(l === undefined ? {} : { link: l }),
  ...(x === undefined ? {} : { executable: true }),
})

const told = ({ before, after }: Change): Told => ({
  change: before === undefined ? 'added' : after === undefined ? 'removed' : 'changed',
  path: (after ?? before)!.p,
  ...(before && { before: side(before) }),
  ...(after && { after: side(after) }),
})

const marks = { added: '+', removed: '-', changed: '~' }

const size = (of: Told['before']): string => (of?.link === undefined ? formatBytes(of?.size ?? 0) : `→ ${of.link}`)

const difference = (before: Told['before'], after: Told['before']): string => {
  const [was, is] = [size(before), size(after)]
  if (was !== is) return `${was} → ${is}`
  const sameBytes = before?.sha256 === after?.sha256
  if (!sameBytes) return `${is}, other bytes`
  return after?.executable ? 'executable now' : 'not executable any more'
}

const line = ({ change, path, before, after }: Told): string => {
  const what = change === 'changed' ? difference(before, after) : size(after ?? before)
  return `${marks[change]} ${JSON.stringify(path).slice(1, -1)}  (${what})`
}

interface Summary {
  added: number
  removed: number
  changed: number
  /** Bytes more, or less. */
  bytes: number
  /** Parts of the manifests that were read, of all that they have. */
  shards: { read: number; all: number }
}

const sentence = ({ added, removed, changed, bytes, shards }: Summary): string => {
  if (added + removed + changed === 0) return 'The same content.'
  const sign = bytes < 0 ? '-' : '+'
  return `${added} added, ${changed} changed, ${removed} removed, ${sign}${formatBytes(Math.abs(bytes))} (read ${shards.read} of ${shards.all} shards)`
}

/** Compares two open versions, in the same store or in two, and gives every change to `each` as it is found. */
export const compare = async (
  before: OpenVersion,
  after: OpenVersion,
  each: (change: Told) => Promise<void> | void,
): Promise<Summary> => {
  const summary: Summary = { added: 0, removed: 0, changed: 0, bytes: 0, shards: { read: 0, all: 0 } }
  const own = new Set(before.root.shards.map(({ sha256 }) => sha256))
  summary.shards.all = before.root.shards.length + after.root.shards.length
  const fetch: FetchShard = (sha256) => {
    summary.shards.read++
    return (own.has(sha256) ? before : after).fetch(sha256)
  }
  for await (const change of changes(before.root, after.root, fetch)) {
    const one = told(change)
    summary[one.change]++
    summary.bytes += (one.after?.size ?? 0) - (one.before?.size ?? 0)
    await each(one)
  }
  return summary
}

const report = async (context: Context, before: OpenVersion, after: OpenVersion): Promise<void> => {
  if (context.format === 'json' || context.format === 'yaml') {
    const found: Told[] = []
    const summary = await compare(before, after, (change) => void found.push(change))
    show(context, { summary, changes: found }, () => '')
    return
  }
  // Line by line: a difference of a million files is not kept in memory.
  const summary = await compare(before, after, (change) => context.write(Buffer.from(`${line(change)}\n`)))
  context.print(sentence(summary))
}

const nothing: Summary = { added: 0, removed: 0, changed: 0, bytes: 0, shards: { read: 0, all: 0 } }

/** What a version has that another has not. Shards that both have are not read; where the digests are equal, nothing is. */
export const diff: Run = async (context, [one = '', other = ''], flags) => {
  const [before, after] = [await findCommitted(context, one), await findCommitted(context, other)]
  if (before.version.status?.digest === after.version.status?.digest) {
    show(context, { summary: nothing, changes: [] }, () => sentence(nothing))
    return
  }
  await withVersion(context, before, flags, (from) =>
    withVersion(context, after, flags, (to) => report(context, from, to)),
  )
}
