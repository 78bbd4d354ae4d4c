import type { DatasetVersion } from '../../api/dataset-version.ts'
import type { Context, Run } from '../command.ts'
import { findDataset, readRef, versionsOf } from '../lookup.ts'
import { age, type Column, shortDigest, show, table } from '../print.ts'

const columns = (tags: ReadonlyMap<string, string[]>, { now }: Context): Column<DatasetVersion>[] => [
  { name: 'VERSION', of: ({ status }) => status?.version },
  { name: 'PHASE', of: ({ status }) => status?.phase ?? 'Pending' },
  { name: 'TAGS', of: ({ status }) => tags.get(status?.version ?? '')?.join(',') },
  { name: 'FILES', of: ({ status }) => status?.files },
  { name: 'SIZE', of: ({ status }) => status?.size },
  { name: 'BY', of: ({ spec, status }) => (spec.from?.source ? 'source' : status?.producedBy?.name) },
  { name: 'MESSAGE', of: ({ spec }) => spec.message },
  { name: 'AGE', of: ({ metadata, status }) => age(status?.committedAt ?? metadata.creationTimestamp, now()) },
  { name: 'NAME', of: ({ metadata }) => metadata.name, wide: true },
  { name: 'PARENT', of: ({ status }) => (status?.parent === undefined ? undefined : `v${status.parent}`), wide: true },
  { name: 'DIGEST', of: ({ status }) => shortDigest(status?.digest), wide: true },
]

export const versions: Run = async (context, [name = '']) => {
  const { owner } = await findDataset(context, readRef(name))
  const items = await versionsOf(context, owner)
  const tags = new Map<string, string[]>()
  for (const tag of owner.status?.tags ?? []) tags.set(tag.version, [...(tags.get(tag.version) ?? []), tag.name])
  show(context, { apiVersion: 'v1', kind: 'List', items }, (wide) =>
    items.length === 0
      ? `${owner.metadata.namespace}/${owner.metadata.name} has no versions yet.`
      : table(columns(tags, context), items, wide),
  )
}
