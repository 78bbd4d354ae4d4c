import type { Intent, MoveSpec } from '../../../api/move.ts'
import type { World } from '../world.ts'

type StoredDataset = Extract<MoveSpec, { op: 'Finalize' }>['dataset']

/** What the record of this version says, the same in every attempt. */
export const intentOf = ({ version, spec }: World): Intent => {
  const { sequence = 0, openedAt, parent, producedBy, inputs } = version.status ?? {}
  return {
    sequence,
    createdAt: openedAt ?? version.metadata.creationTimestamp ?? '',
    ...(parent === undefined ? {} : { parent }),
    ...(spec.message === undefined ? {} : { message: spec.message }),
    ...(spec.tags === undefined || spec.tags.length === 0 ? {} : { tags: spec.tags }),
    ...(producedBy === undefined ? {} : { producer: producedBy }),
    ...(inputs === undefined || inputs.length === 0 ? {} : { inputs }),
  }
}

/** The Dataset as its directory in the store knows it. */
export const storedDataset = ({ dataset, datasetSpec, spec }: World): StoredDataset => ({
  namespace: dataset?.metadata.namespace ?? '',
  name: spec.dataset,
  uid: dataset?.metadata.uid ?? '',
  ...(datasetSpec?.adopt === true ? { adopt: true } : {}),
})
