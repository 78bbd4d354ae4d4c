import { hostPathPlace } from '../../../desired/share.ts'
import { scheduleProblem } from '../../../lib/schedule.ts'
import type { World } from '../world.ts'
import { type Step, unsay, type Why } from './draft.ts'

/** What a person must mend: a directory of the nodes that the operator's config does not allow, a schedule that makes no sense. */
const mistaken = ({ spec: { source, sync }, config }: World): Why | undefined => {
  const wrong = sync?.schedule === undefined ? undefined : scheduleProblem(sync.schedule, sync.timeZone)
  if (wrong !== undefined) return { reason: 'InvalidSpec', message: `spec.sync: ${wrong}.` }
  const place = source?.hostPath && hostPathPlace(source.hostPath.path, config.allowHostPath ?? [])
  return place !== undefined && 'reason' in place ? place : undefined
}

/** Stops at a spec that only a person can mend. */
export const checkLimits: Step = (world: World, draft) => {
  const mistake =
    world.problem === undefined ? mistaken(world) : { reason: 'InvalidSpec' as const, message: world.problem }
  // An earlier version of Granary may have left it.
  unsay(draft, 'Unsupported')
  if (mistake === undefined) return undefined
  draft.stalled = mistake
  return 'stop'
}
