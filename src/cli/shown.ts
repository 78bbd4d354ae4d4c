import type { DatasetVersion } from '../api/dataset-version.ts'
import type { MoveSpec } from '../api/move.ts'
import type { CommitRecord } from '../manifest/types.ts'
import type { Change, ChangeSummary, FileSide } from '../transfer/compare-versions.ts'
import type { Context } from './command.ts'
import { CommandError, exit } from './exit.ts'
import { askMover, storeAccess } from './in-cluster.ts'
import type { FoundVersion } from './lookup.ts'

type Committed = Extract<MoveSpec, { op: 'Show' }>['version']

const committedOf = ({ status }: DatasetVersion): Committed => ({
  sequence: status?.sequence ?? 0,
  root: status?.rootDigest ?? '',
  digest: status?.digest ?? '',
})

/** The first of what a mover showed; the rest is in no log. */
export interface Shown<T> {
  shown: T[]
  /** How many more there are. */
  left: number
}

/** Nobody takes the first of a long list for all of it. */
export const sayLeft = (context: Context, left: number): void => {
  if (left > 0) context.note(`${left} more are not shown: with keys of your own for the bucket you see all of them`)
}

const shownOf = <T>(lines: Record<string, unknown>[], all: number): Shown<T> => {
  const shown = lines.flatMap((line) => (line.shown === undefined ? [] : [line.shown as T]))
  return { shown, left: all - shown.length }
}

/** The files at a path of a version and below, as a mover reads them. */
export const filesInCluster = async (
  context: Context,
  { owner, version }: FoundVersion,
  path: string,
): Promise<Shown<{ path: string } & FileSide>> => {
  const store = await storeAccess(context, owner)
  const spec = {
    op: 'Show' as const,
    store: store.location,
    version: committedOf(version),
    what: 'Files' as const,
    path,
  }
  const { lines, result } = await askMover(context, owner, spec, [store])
  return shownOf(lines, result.lines)
}

/** What changed from one version to another, as a mover reads it that has the keys of both stores. */
export const changesInCluster = async (
  context: Context,
  before: FoundVersion,
  after: FoundVersion,
): Promise<Shown<Change> & { summary: ChangeSummary }> => {
  const [one, two] = [before.owner.metadata, after.owner.metadata]
  if (one.namespace !== two.namespace) {
    const sentence = `no pod has the keys of both ${one.namespace} and ${two.namespace}: compare them with keys of your own`
    throw new CommandError(exit.notAllowed, sentence)
  }
  const store = await storeAccess(context, before.owner)
  const other = one.uid === two.uid ? undefined : await storeAccess(context, after.owner, 'other')
  const spec = {
    op: 'Show' as const,
    what: 'Changes' as const,
    store: store.location,
    version: committedOf(before.version),
    to: committedOf(after.version),
    ...(other === undefined ? {} : { other: other.location }),
  }
  const { lines, result } = await askMover(context, before.owner, spec, other === undefined ? [store] : [store, other])
  if (result.summary === undefined)
    throw new CommandError(exit.failed, 'the mover compared nothing: is its image older?')
  return { ...shownOf<Change>(lines, result.lines), summary: result.summary }
}

/** The commit record of a version, as a mover reads it. */
export const recordInCluster = async (
  context: Context,
  owner: FoundVersion['owner'],
  version: DatasetVersion,
): Promise<CommitRecord | undefined> => {
  const store = await storeAccess(context, owner)
  const spec = { op: 'Show' as const, what: 'Record' as const, store: store.location, version: committedOf(version) }
  const { lines } = await askMover(context, owner, spec, [store])
  const [record] = shownOf<CommitRecord>(lines, 1).shown
  return record?.sequence === undefined ? undefined : record
}
