import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import type { Context, Run } from '../command.ts'
import { edit, request } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { findVersionObject } from '../lookup.ts'
import { show } from '../print.ts'
import { awaitPhase, isOver, phaseOf } from './phase.ts'

const refuseEnded = (version: DatasetVersion, wanted: string): void => {
  const phase = phaseOf(version)
  if (isOver(phase) && phase !== wanted)
    throw new CommandError(exit.conflict, `${version.metadata.name} is ${phase}: that can't be changed any more`)
}

const done = (context: Context, version: DatasetVersion, sentence: string) => show(context, version, () => sentence)

const askToCommit = async (context: Context, version: DatasetVersion, fromCheckpoint: boolean) => {
  if (fromCheckpoint) {
    const { name, uid = '' } = version.metadata
    if (version.status?.lastCheckpointAt === undefined && phaseOf(version) !== 'Committed')
      throw new CommandError(exit.conflict, `${name} has no checkpoint that could be committed`)
    return request(context, kinds.DatasetVersion, version, annotations.commitCheckpoint, uid)
  }
  return edit(context, kinds.DatasetVersion, version, ({ spec, status }) =>
    spec.committed === true || status?.phase === 'Committed'
      ? []
      : [{ op: 'add', path: '/spec/committed', value: true }],
  )
}

/** Asks that a version is committed, once nobody writes to it; `--checkpoint`: as it was last saved, for a volume that is lost. */
export const commit: Run = async (context, [name = ''], flags) => {
  const version = await findVersionObject(context, name)
  refuseEnded(version, 'Committed')
  const asked = await askToCommit(context, version, flags.checkpoint === true)
  if (context.wait === undefined) {
    const word = phaseOf(asked) === 'Committed' ? 'is committed' : 'is committed once nobody writes to it'
    return done(context, asked, `${asked.metadata.name} ${word}.`)
  }
  const end = await awaitPhase(context, asked, 'Committed')
  const { files, size, version: number } = end.status ?? {}
  return done(context, end, `${end.metadata.name} is committed as ${number}: ${files} files, ${size}.`)
}

/** Drops the bytes of a version that is not committed. */
export const abandon: Run = async (context, [name = '']) => {
  const version = await findVersionObject(context, name)
  refuseEnded(version, 'Abandoned')
  const { uid = '' } = version.metadata
  const asked = await request(context, kinds.DatasetVersion, version, annotations.abandon, uid)
  const end = context.wait === undefined ? asked : await awaitPhase(context, asked, 'Abandoned')
  const word = context.wait === undefined ? 'is being dropped' : 'is dropped'
  return done(context, end, `What was written to ${end.metadata.name} ${word}.`)
}
