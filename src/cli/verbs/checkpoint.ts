import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import type { Run } from '../command.ts'
import { newRequest, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findVersionObject } from '../lookup.ts'
import { show } from '../print.ts'
import { until } from '../wait.ts'

const second = 1000

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
  const since = Math.floor(Date.parse(asked) / second) * second
  const { namespace = '' } = metadata
  const at = await until<DatasetVersion, string>(
    context,
    { kind: kinds.DatasetVersion, namespace, name: metadata.name },
    (now) => {
      const { phase, lastCheckpointAt } = now?.status ?? {}
      if (phase !== 'Running')
        throw new CommandError(
          exit.conflict,
          `${metadata.name} is ${phase ?? 'gone'}: it is saved as a whole now, if at all`,
        )
      return lastCheckpointAt !== undefined && Date.parse(lastCheckpointAt) >= since ? lastCheckpointAt : undefined
    },
    (now) => ['it is being saved', now?.status?.progress?.summary].filter((part) => part !== undefined).join(': '),
  )
  show(context, { savedAt: at }, () => `What was written to ${metadata.name} until ${at} is saved.`)
}
