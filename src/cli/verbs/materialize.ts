import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import type { Context, Run } from '../command.ts'
import { findCommitted } from '../lookup.ts'
import { show } from '../print.ts'
import { awaitPhase } from './phase.ts'

/** A name that ends in no number, as those that Granary makes do. */
const nameFor = (dataset: string, number: string, { now }: Context): string =>
  `${dataset.slice(0, 30)}-own-${number}-${Math.floor(now() / 1000).toString(36)}`

/** Makes a version with the content of another, all of whose bytes lie in the store. */
export const materialize: Run = async (context, [ref = ''], flags) => {
  const { owner, version, ref: named } = await findCommitted(context, ref)
  const { namespace = '', name: dataset } = owner.metadata
  const number = version.status?.version ?? ''
  const object: DatasetVersion = {
    apiVersion: kinds.apiVersion,
    kind: kinds.DatasetVersion.kind,
    metadata: { name: nameFor(dataset, number, context), namespace },
    spec: {
      dataset,
      from: { version: number },
      message: typeof flags.message === 'string' ? flags.message : `The content of ${number}, all in the store`,
    },
  }
  const made = await context.client.create(object, { fieldManager: 'granary-cli', signal: context.signal })
  if (context.wait === undefined) {
    show(context, made, () => `DatasetVersion ${made.metadata.name} is to have the content of ${named}.`)
    return
  }
  const end = await awaitPhase(context, made, 'Committed')
  const { version: own, files, size } = end.status ?? {}
  show(context, end, () => `${dataset}:${own} has the content of ${number}: ${files} files, ${size}, all in the store.`)
}
