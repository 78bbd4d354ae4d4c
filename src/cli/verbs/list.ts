import { findCondition } from '../../api/conditions.ts'
import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import type { Context, Run } from '../command.ts'
import { age, type Column, show, table } from '../print.ts'

const ready = (dataset: Dataset) => findCondition(dataset.status?.conditions, 'Ready')

const columns = ({ allNamespaces, now }: Context): Column<Dataset>[] => [
  ...(allNamespaces ? [{ name: 'NAMESPACE', of: ({ metadata }: Dataset) => metadata.namespace }] : []),
  { name: 'NAME', of: ({ metadata }) => metadata.name },
  { name: 'SOURCE', of: ({ status }) => status?.source },
  { name: 'LATEST', of: ({ status }) => status?.latest?.version },
  { name: 'FILES', of: ({ status }) => status?.latest?.files },
  { name: 'SIZE', of: ({ status }) => status?.latest?.size },
  { name: 'READY', of: (dataset) => ready(dataset)?.status ?? 'Unknown' },
  { name: 'AGE', of: ({ metadata }) => age(metadata.creationTimestamp, now()) },
  { name: 'REASON', of: (dataset) => ready(dataset)?.reason, wide: true },
  { name: 'TAGS', of: ({ status }) => status?.tags?.map((tag) => `${tag.name}=${tag.version}`).join(','), wide: true },
  { name: 'LAST-SYNC', of: ({ status }) => age(status?.lastSync?.finishedAt, now()), wide: true },
  { name: 'VERSIONS', of: ({ status }) => status?.versions, wide: true },
]

export const list: Run = async (context) => {
  const { client, namespace, allNamespaces, signal } = context
  const { items } = await client.list<Dataset>(kinds.Dataset, { signal, ...(allNamespaces ? {} : { namespace }) })
  const where = allNamespaces ? 'in any namespace' : `in namespace ${namespace}`
  show(context, { apiVersion: 'v1', kind: 'List', items }, (wide) =>
    items.length === 0 ? `No Datasets ${where}.` : table(columns(context), items, wide),
  )
}
