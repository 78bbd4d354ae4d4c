import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations, labels } from '../../api/names.ts'
import { adoptedName } from '../../desired/adopt.ts'
import { readRescued } from '../../desired/rescue.ts'
import { adoptIntoAnnotation, type Claim } from '../../desired/volumes.ts'
import { isApiError } from '../../kube/api-error.ts'
import type { Context, Run } from '../command.ts'
import { request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findDataset, getIfThere, readRef } from '../lookup.ts'
import { age, type Column, show, table } from '../print.ts'
import { until } from '../wait.ts'

/** Where bytes go whose own namespace is being deleted. */
const rescueNamespace = 'granary-rescue'

const columns = ({ now }: Context): Column<Claim>[] => [
  { name: 'NAMESPACE', of: ({ metadata }) => metadata.namespace },
  { name: 'NAME', of: ({ metadata }) => metadata.name },
  { name: 'OF', of: (claim) => [readRescued(claim)].flatMap((one) => (one ? `${one.namespace}/${one.name}` : []))[0] },
  { name: 'PHASE', of: (claim) => readRescued(claim)?.phase },
  { name: 'SIZE', of: ({ spec, status }) => status?.capacity?.storage ?? spec.resources?.requests?.storage },
  { name: 'AGE', of: ({ metadata }) => age(metadata.creationTimestamp, now()) },
  { name: 'WAITS-FOR', of: ({ metadata }) => metadata.annotations?.[annotations.waiting] },
]

/** Everywhere if the person may look everywhere, else where such claims are usually. */
const rescueClaims = async ({ client, namespace, signal }: Context): Promise<Claim[]> => {
  const labelSelector = `${labels.role}=rescue`
  const list = (where?: string) =>
    client.list<Claim>(kinds.Claim, { labelSelector, signal, ...(where === undefined ? {} : { namespace: where }) })
  try {
    return (await list()).items
  } catch (error) {
    if (!isApiError(error, (e) => e.isForbidden)) throw error
  }
  const lists = await Promise.all([list(rescueNamespace), list(namespace)])
  return lists.flatMap(({ items }) => items)
}

export const list: Run = async (context) => {
  const items = await rescueClaims(context)
  show(context, { apiVersion: 'v1', kind: 'List', items }, () =>
    items.length === 0 ? 'Nothing is kept: no bytes wait for a person.' : table(columns(context), items),
  )
}

/** Has the bytes of a rescue claim committed as a version of a Dataset. */
export const adopt: Run = async (context, [name = '', into = '']) => {
  const home = context.namespaceGiven ? context.namespace : rescueNamespace
  const claim = await getIfThere<Claim>(context, kinds.Claim, home, name)
  if (claim?.metadata.labels?.[labels.role] !== 'rescue')
    throw new CommandError(exit.notFound, `there is no rescue claim ${name} in namespace ${home} (granary rescue list)`)
  const { owner } = await findDataset(context, readRef(into))
  const { namespace = '', name: dataset } = owner.metadata
  await request(context, kinds.Claim, claim, adoptIntoAnnotation, `${namespace}/${dataset}`)
  const version = adoptedName(dataset, claim)
  if (context.wait === undefined) {
    show(context, { version, namespace }, () => `The bytes become DatasetVersion ${version} in namespace ${namespace}.`)
    return
  }
  const end = await until<DatasetVersion, DatasetVersion>(
    context,
    { kind: kinds.DatasetVersion, namespace, name: version },
    (now) => (now?.status?.phase === 'Committed' || now?.status?.phase === 'Failed' ? now : undefined),
    (now) => `DatasetVersion ${version} is ${now?.status?.phase ?? 'not there yet'}`,
  )
  if (end.status?.phase === 'Failed') throw new CommandError(exit.badNews, `${version} failed (granary why ${version})`)
  show(context, end, () => `The bytes are ${dataset}:${end.status?.version}: ${end.status?.files} files.`)
}
