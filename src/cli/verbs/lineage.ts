import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { isApiError } from '../../kube/api-error.ts'
import { readCommit } from '../../transfer/commit.ts'
import { openDatasetStore, withStore } from '../bytes.ts'
import type { Context, Flags, Run } from '../command.ts'
import { type Lineage, lineageOf, type Related } from '../lineage.ts'
import { type FoundVersion, findCommitted, findVersion } from '../lookup.ts'
import { shortDigest, show } from '../print.ts'

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

/** What the version's own record in the store says, where the object says nothing: that of an adopted version. */
const fromRecord = async (context: Context, found: FoundVersion, flags: Flags): Promise<DatasetVersion> => {
  const { owner, version } = found
  const at = await openDatasetStore(context, owner, flags)
  return withStore(at, async () => {
    const record = await readCommit(at.store, at.prefix, version.status?.sequence ?? 0, context.signal)
    const status = { ...version.status }
    if (record?.inputs !== undefined) status.inputs ??= record.inputs
    if (record?.producer !== undefined) status.producedBy ??= record.producer
    return { ...version, status }
  })
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
  const found = flags.store === true ? await findCommitted(context, ref) : await findVersion(context, ref)
  const start = flags.store === true ? await fromRecord(context, found, flags) : found.version
  const all = await visible(context, found)
  const graph = lineageOf(
    start,
    all.filter(({ metadata }) => metadata.uid !== start.metadata.uid),
  )
  show(context, graph, () => text(graph))
}
