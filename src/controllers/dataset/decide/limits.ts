import type { DatasetSpec } from '../../../api/dataset.ts'
import { hostPathPlace } from '../../../desired/share.ts'
import type { World } from '../world.ts'
import { type Step, say, unsay, type Why } from './draft.ts'

/** A directory of the nodes that the operator's config does not allow. */
const notAllowed = ({ spec: { source }, config }: World): Why | undefined => {
  const place = source?.hostPath && hostPathPlace(source.hostPath.path, config.allowHostPath ?? [])
  return place !== undefined && 'reason' in place ? place : undefined
}

/** Fields that are not followed yet, while the rest is. */
const ignored = ({ sync }: DatasetSpec): string[] => [
  ...(sync?.schedule === undefined ? [] : ['spec.sync.schedule (use spec.sync.interval)']),
  ...(sync?.maxAge === undefined ? [] : ['spec.sync.maxAge']),
]

/** Says which fields this version of Granary does not follow, and stops at those that it can't leave aside. */
export const checkLimits: Step = (world: World, draft) => {
  if (world.problem !== undefined) {
    draft.stalled = { reason: 'InvalidSpec', message: world.problem }
    return 'stop'
  }
  const refused = notAllowed(world)
  if (refused !== undefined) {
    draft.stalled = refused
    return 'stop'
  }
  const fields = ignored(world.spec)
  if (fields.length === 0) unsay(draft, 'Unsupported')
  else {
    const message = `Not followed yet: ${fields.join(', ')}.`
    say(world, draft, { type: 'Unsupported', status: 'True', reason: 'Unsupported', message })
  }
  return undefined
}
