import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { isApiError } from '../../kube/api-error.ts'
import type { CommitRecord } from '../../manifest/types.ts'
import { readCommit } from '../../transfer/commit.ts'
import { openDatasetStore, withStore } from '../bytes.ts'
import type { Context, Flags, Run } from '../command.ts'
import { ownOrMover } from '../in-cluster.ts'
import { keyOf, type Lineage, lineageOf, type Related, sourcesOf } from '../lineage.ts'
import { type FoundVersion, findVersion, getIfThere } from '../lookup.ts'
import { shortDigest, show } from '../print.ts'
import { recordInCluster } from '../shown.ts'

/** Of all namespaces if the person may look there, else of those that are at hand. */
const visible = async (context: Context, { owner }: FoundVersion): Promise<DatasetVersion[]> => {
  const { client, namespace, signal } = context
  const list = async (where?: string) => {
    const { items } = await client.list<DatasetVersion>(kinds.DatasetVersion, {
      signal,
      ...(where === undefined ? {} : { namespace: where }),
    })
    return items
  }
  try {
    return await list()
  } catch (error) {
    if (!isApiError(error, (e) => e.isForbidden)) throw error
  }
  context.note('Other namespaces may not be listed: versions there are not shown.')
  const near = [...new Set([namespace, owner.metadata.namespace ?? namespace])]
  const lists = await Promise.all(near.map(list))
  return lists.flat()
}

const readRecord = async (
  context: Context,
  owner: Dataset,
  version: DatasetVersion,
  sequence: number,
  flags: Flags,
): Promise<CommitRecord | undefined> => {
  let record: CommitRecord | undefined
  const own = async (mine: Context) => {
    const at = await openDatasetStore(mine, owner, flags)
    record = await withStore(at, () => readCommit(at.store, at.prefix, sequence, mine.signal))
  }
  await ownOrMover(context, flags, own, async () => {
    record = await recordInCluster(context, owner, version)
  })
  return record
}

/** What the record of a version in the store says, where the object says nothing: that of an adopted version. */
const fromRecord = async (
  context: Context,
  owner: Dataset,
  version: DatasetVersion,
  flags: Flags,
): Promise<DatasetVersion> => {
  const { sequence, phase, inputs, producedBy } = version.status ?? {}
  if (phase !== 'Committed' || sequence === undefined || (inputs !== undefined && producedBy !== undefined))
    return version
  const record = await readRecord(context, owner, version, sequence, flags)
  const said = {
    ...(record?.inputs === undefined ? {} : { inputs: record.inputs }),
    ...(record?.producer === undefined ? {} : { producedBy: record.producer }),
  }
  return { ...version, status: { ...said, ...version.status } }
}

/** Goes up from a version as far as objects are there, and puts in what their records say. */
const fromRecords = async (context: Context, start: DatasetVersion, all: readonly DatasetVersion[], flags: Flags) => {
  const byKey = new Map([...all, start].map((version) => [keyOf(version), version]))
  const queue = [keyOf(start)]
  for (const key of queue) {
    const version = byKey.get(key)
    if (version === undefined) continue
    const { namespace = '' } = version.metadata
    const owner = await getIfThere<Dataset>(context, kinds.Dataset, namespace, version.spec.dataset)
    const told = owner === undefined ? version : await fromRecord(context, owner, version, flags)
    byKey.set(key, told)
    for (const source of sourcesOf(told)) if (!queue.includes(source.key)) queue.push(source.key)
  }
  return { start: byKey.get(keyOf(start)) ?? start, all: [...byKey.values()] }
}

const line = ({ ref, as, digest, producedBy, unknown, repeated }: Omit<Related, 'related'>): string => {
  const by = producedBy === 'source' ? 'imported from its source' : producedBy && `by ${producedBy}`
  const notes = [
    as === 'base' ? 'base' : undefined,
    shortDigest(digest),
    unknown ? 'no object that can be seen' : by,
    repeated ? 'see above' : undefined,
  ]
  return `${ref}  ${notes.filter((note) => note !== undefined).join(', ')}`.trimEnd()
}

const tree = (related: readonly Related[], indent: string): string[] =>
  related.flatMap((one) => [`${indent}${line(one)}`, ...tree(one.related, `${indent}  `)])

const text = ({ version, up, down }: Lineage): string =>
  [
    line(version),
    ...(up.length === 0 ? [] : ['made from', ...tree(up, '  ')]),
    ...(down.length === 0 ? [] : ['used for', ...tree(down, '  ')]),
  ].join('\n')

export const lineage: Run = async (context, [ref = ''], flags) => {
  const found = await findVersion(context, ref)
  const seen = { start: found.version, all: await visible(context, found) }
  const { start, all } = flags.store === true ? await fromRecords(context, seen.start, seen.all, flags) : seen
  const graph = lineageOf(start, all)
  show(context, graph, () => text(graph))
}
