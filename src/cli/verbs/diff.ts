import { formatBytes } from '../../api/quantity.ts'
import { type Change, type ChangeSummary, compareVersions, noChange } from '../../transfer/compare-versions.ts'
import type { Context, Run } from '../command.ts'
import { ownOrMover } from '../in-cluster.ts'
import { type FoundVersion, findCommitted } from '../lookup.ts'
import { show } from '../print.ts'
import { changesInCluster, sayLeft } from '../shown.ts'
import { type OpenVersion, withVersion } from '../version-files.ts'

const marks = { added: '+', removed: '-', changed: '~' }

const size = (of: Change['before']): string => (of?.link === undefined ? formatBytes(of?.size ?? 0) : `→ ${of.link}`)

const difference = (before: Change['before'], after: Change['before']): string => {
  const [was, is] = [size(before), size(after)]
  if (was !== is) return `${was} → ${is}`
  const sameBytes = before?.sha256 === after?.sha256
  if (!sameBytes) return `${is}, other bytes`
  return after?.executable ? 'executable now' : 'not executable any more'
}

const line = ({ change, path, before, after }: Change): string => {
  const what = change === 'changed' ? difference(before, after) : size(after ?? before)
  return `${marks[change]} ${JSON.stringify(path).slice(1, -1)}  (${what})`
}

const sentence = ({ added, removed, changed, bytes, shards }: ChangeSummary): string => {
  if (added + removed + changed === 0) return 'The same content.'
  const sign = bytes < 0 ? '-' : '+'
  return `${added} added, ${changed} changed, ${removed} removed, ${sign}${formatBytes(Math.abs(bytes))} (read ${shards.read} of ${shards.all} shards)`
}

const report = async (context: Context, before: OpenVersion, after: OpenVersion): Promise<void> => {
  if (context.format === 'json' || context.format === 'yaml') {
    const found: Change[] = []
    const summary = await compareVersions(before, after, (change) => void found.push(change))
    show(context, { summary, changes: found }, () => '')
    return
  }
  // Line by line: a difference of a million files is not kept in memory.
  const summary = await compareVersions(before, after, (change) => context.write(Buffer.from(`${line(change)}\n`)))
  context.print(sentence(summary))
}

const reportFromCluster = async (context: Context, before: FoundVersion, after: FoundVersion): Promise<void> => {
  const { summary, shown, left } = await changesInCluster(context, before, after)
  show(context, { summary, changes: shown }, () => [...shown.map(line), sentence(summary)].join('\n'))
  sayLeft(context, left)
}

/** What a version has that another has not. Shards that both have are not read; where the digests are equal, nothing is. */
export const diff: Run = async (context, [one = '', other = ''], flags) => {
  const [before, after] = [await findCommitted(context, one), await findCommitted(context, other)]
  if (before.version.status?.digest === after.version.status?.digest) {
    show(context, { summary: noChange(), changes: [] }, () => sentence(noChange()))
    return
  }
  await ownOrMover(
    context,
    flags,
    (own) => withVersion(own, before, flags, (from) => withVersion(own, after, flags, (to) => report(own, from, to))),
    () => reportFromCluster(context, before, after),
  )
}
