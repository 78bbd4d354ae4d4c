import { findCondition } from '../../api/conditions.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import { formatBytes } from '../../api/quantity.ts'
import type { Run } from '../command.ts'
import { newRequest, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findVersionObject } from '../lookup.ts'
import { show } from '../print.ts'
import { until } from '../wait.ts'

type Saved = NonNullable<NonNullable<DatasetVersion['status']>['checkpoint']>

/** Has what is on the volume of an open version saved while its writer runs. */
export const checkpoint: Run = async (context, [name = '']) => {
  const version = await findVersionObject(context, name)
  const { metadata, status } = version
  if (status?.phase !== 'Running')
    throw new CommandError(
      exit.conflict,
      `${metadata.name} is ${status?.phase ?? 'Pending'}: only what is Running can be saved`,
    )
  const asked = newRequest(context)
  await request(context, kinds.DatasetVersion, version, annotations.checkpointRequestedAt, asked)
  if (context.wait === undefined) {
    show(context, { requested: asked }, () => `What is written to ${metadata.name} is to be saved.`)
    return
  }
  const { namespace = '' } = metadata
  const saved = await until<DatasetVersion, Saved>(
    context,
    { kind: kinds.DatasetVersion, namespace, name: metadata.name },
    (now) => {
      const { phase, checkpoint: last } = now?.status ?? {}
      // Saved first, then committed: both may come between two looks.
      if (last?.request === asked && last.finishedAt !== undefined && last.startedAt === undefined) return last
      if (phase === 'Running') return undefined
      throw new CommandError(
        exit.conflict,
        `${metadata.name} is ${phase ?? 'gone'}: it is saved as a whole now, if at all`,
      )
    },
    (now) => findCondition(now?.status?.conditions, 'Checkpointed')?.message ?? 'it is being saved',
  )
  const { files = 0, bytes = 0, left = 0 } = saved
  const rest = left === 0 ? '' : `; ${left} files were being written and are left for the next time`
  show(context, saved, () => `${files} files, ${formatBytes(bytes)} of ${metadata.name} are saved${rest}.`)
}
