import { findCondition } from '../../../api/conditions.ts'
import { parseDuration } from '../../../api/duration.ts'
import { activeWriters } from '../users.ts'
import type { World } from '../world.ts'
import { claimNameOf } from './claims.ts'
import { enter, isoTime, lookAgainIn, resting, type Step, say, tell, unsay } from './draft.ts'

const day = 86_400_000
const defaultTTL = 7 * day

/** When bytes that nobody will commit go; undefined while somebody may: a person asked for the commit, or a pod writes again. */
const expiresAt = (world: World): number | undefined => {
  const { version, spec, datasetSpec, pods } = world
  const { phase, releasedAt } = version.status ?? {}
  if (phase !== 'Uncommitted' || releasedAt === undefined || spec.committed === true) return undefined
  if (activeWriters({ claim: claimNameOf(world), pods }).length > 0) return undefined
  return Date.parse(releasedAt) + (parseDuration(datasetSpec?.retention?.uncommittedTTL ?? '') ?? defaultTTL)
}

/** Uncommitted → Expired, announced a day before, or at once where it is due sooner. A claim that a person made keeps its bytes. */
export const expireUncommitted: Step = (world, draft) => {
  const at = expiresAt(world)
  if (at === undefined) {
    unsay(draft, 'Expiring')
    return undefined
  }
  const { now, version } = world
  const warned = findCondition(draft.status.conditions, 'Expiring') !== undefined
  if (at - now > day && !warned) {
    lookAgainIn(draft, at - now - day)
    return undefined
  }
  if (at > now || !warned) {
    const message = `Goes at ${isoTime(Math.max(at, now))}: commit it with spec.committed: true, or let it go. Its Dataset's retention.uncommittedTTL says how long it stays.`
    if (!warned) {
      tell(world, draft, 'Warning', 'ExpiresSoon', message)
      say(world, draft, { type: 'Expiring', status: 'True', reason: 'ExpiresSoon', message })
    }
    lookAgainIn(draft, Math.max(at - now, 1_000))
    return undefined
  }
  draft.plan.live = true
  const message = `Nobody committed it since ${version.status?.releasedAt}: its bytes go.`
  enter(world, draft, 'Expired', message, 'Warning')
  unsay(draft, 'Expiring')
  say(world, draft, { type: 'Committed', status: 'False', reason: 'Expired', message })
  resting(world, draft, 'Expired', message)
  return 'stop'
}
