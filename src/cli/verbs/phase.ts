import { findCondition } from '../../api/conditions.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import type { Context } from '../command.ts'
import { CommandError, exit } from '../exit.ts'
import { until } from '../wait.ts'

/** Nothing more happens with it by itself. */
export const isOver = (phase: string): boolean => ['Committed', 'Failed', 'Abandoned', 'Expired'].includes(phase)

export const phaseOf = (version: DatasetVersion | undefined): string => version?.status?.phase ?? 'Pending'

const waiting = (version: DatasetVersion | undefined): string => {
  const ready = findCondition(version?.status?.conditions, 'Ready')
  const progress = version?.status?.progress?.summary
  return [phaseOf(version), ready?.message, progress].filter((part) => part !== undefined).join(': ')
}

/** Waits until nothing more happens with a version by itself, and fails if that is not the phase that was wanted. */
export const awaitPhase = async (
  context: Context,
  version: DatasetVersion,
  wanted: string,
): Promise<DatasetVersion> => {
  const { namespace = '', name } = version.metadata
  const end = await until<DatasetVersion, DatasetVersion>(
    context,
    { kind: kinds.DatasetVersion, namespace, name },
    (now) => {
      if (now === undefined) throw new CommandError(exit.notFound, `DatasetVersion ${name} was deleted meanwhile`)
      return isOver(phaseOf(now)) ? now : undefined
    },
    waiting,
  )
  if (phaseOf(end) !== wanted) throw new CommandError(exit.badNews, `${name} is ${waiting(end)}`)
  return end
}
