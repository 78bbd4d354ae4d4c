import { findCondition } from '../../api/conditions.ts'
import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import type { Run } from '../command.ts'
import { edit } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findDataset, readRef } from '../lookup.ts'
import { show } from '../print.ts'
import { until } from '../wait.ts'

const settled = (dataset: Dataset | undefined): Dataset | undefined => {
  if (dataset === undefined) throw new CommandError(exit.notFound, 'the Dataset was deleted meanwhile')
  const { observedGeneration, adoption, versions = 0 } = dataset.status ?? {}
  const seen = (observedGeneration ?? 0) >= (dataset.metadata.generation ?? 0)
  // What was taken over is counted once its versions are there.
  return seen && adoption?.done === true && versions >= (adoption.versions ?? 0) ? dataset : undefined
}

const waiting = (dataset: Dataset | undefined): string => {
  const ready = findCondition(dataset?.status?.conditions, 'Ready')
  const taken = dataset?.status?.adoption?.versions ?? 0
  return ready?.status === 'False' ? ready.message : `${taken} versions are taken over so far`
}

/** Takes over what an earlier Dataset of this namespace and name left in the store. */
export const adopt: Run = async (context, [name = '']) => {
  const { dataset, owner } = await findDataset(context, readRef(name))
  if (dataset !== owner) throw new CommandError(exit.usage, `${name} is an alias: it has no versions of its own`)
  const asked = await edit(context, kinds.Dataset, owner, ({ spec }) =>
    spec?.adopt === true ? [] : [{ op: 'add', path: '/spec/adopt', value: true }],
  )
  const { namespace = '' } = owner.metadata
  if (context.wait === undefined) {
    show(context, asked, () => `${name} takes over what is in its store.`)
    return
  }
  const ref = { kind: kinds.Dataset, namespace, name: owner.metadata.name }
  const end = await until<Dataset, Dataset>(context, ref, settled, waiting)
  show(
    context,
    end,
    () => `${name} has ${end.status?.versions ?? 0} versions; the latest is ${end.status?.latest?.version ?? 'none'}.`,
  )
}
