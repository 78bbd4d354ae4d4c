import { findCondition } from '../../api/conditions.ts'
import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import type { Context, Run } from '../command.ts'
import { newRequest, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findDataset, readRef } from '../lookup.ts'
import { show } from '../print.ts'
import { until } from '../wait.ts'

type LastSync = NonNullable<NonNullable<Dataset['status']>['lastSync']>

/** What came of the look that was asked for; a change is only over once it is imported. */
const settled = (asked: string) => (dataset: Dataset | undefined) => {
  if (dataset === undefined) throw new CommandError(exit.notFound, 'the Dataset was deleted meanwhile')
  const { lastHandledSyncRequest, lastSync } = dataset.status ?? {}
  const over = lastHandledSyncRequest === asked && lastSync?.finishedAt !== undefined && lastSync.result !== 'Changed'
  return over ? { lastSync, latest: dataset.status?.latest } : undefined
}

const waiting = (dataset: Dataset | undefined) => {
  const reachable = findCondition(dataset?.status?.conditions, 'SourceReachable')
  if (dataset?.status?.lastSync?.result === 'Changed') return 'the source has changed; it is being imported'
  return reachable?.status === 'False' ? reachable.message : 'the source is being looked at'
}

const good = ['Unchanged', 'Imported']

const describe = ({ result }: LastSync, latest: string | undefined): string =>
  result === 'Imported'
    ? `The source has changed: ${latest} is its content now.`
    : `The source has not changed: ${latest}.`

const outcome = async (context: Context, dataset: Dataset, asked: string): Promise<void> => {
  const { namespace = '', name } = dataset.metadata
  const { lastSync, latest } = await until<Dataset, { lastSync: LastSync | undefined; latest: unknown }>(
    context,
    { kind: kinds.Dataset, namespace, name },
    settled(asked),
    waiting,
  )
  const number = (latest as { version?: string } | undefined)?.version
  if (lastSync !== undefined && good.includes(lastSync.result ?? '')) {
    show(context, { ...lastSync, latest }, () => describe(lastSync, number))
    return
  }
  const now = await context.client.get<Dataset>({ kind: kinds.Dataset, namespace, name }, { signal: context.signal })
  const why = findCondition(now.status?.conditions, 'SourceReachable')?.message
  throw new CommandError(exit.badNews, `${lastSync?.result}${why === undefined ? '' : `: ${why}`}`)
}

export const sync: Run = async (context, [name = '']) => {
  const { dataset, owner } = await findDataset(context, readRef(name))
  if (dataset !== owner)
    throw new CommandError(
      exit.usage,
      `${name} is an alias: ask for a look at ${owner.metadata.namespace}/${owner.metadata.name}`,
    )
  if (owner.spec?.source === undefined)
    throw new CommandError(exit.usage, `${name} has no source: its versions come from workloads`)
  const asked = newRequest(context)
  await request(context, kinds.Dataset, owner, annotations.syncRequestedAt, asked)
  if (context.wait !== undefined) return outcome(context, owner, asked)
  show(context, { requested: asked }, () => `A look at the source of ${name} is asked for.`)
}
