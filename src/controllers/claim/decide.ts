import type { Plan } from '../../kube/types.ts'
import { askPermission, refuseNonsense, resolveOnce } from './decide/ask.ts'
import { isBound, isLeaving, roleOf } from './decide/facts.ts'
import { fill } from './decide/fill.ts'
import { awaitBinding, handOver } from './decide/hand-over.ts'
import { keepBytes, leave, leaveEmpty } from './decide/leave.ts'
import { noteReach, saySingleNode } from './decide/nodes.ts'
import { awaitConsumer, checkClass, checkSize, guard, makePrime, replaceStranded } from './decide/place.ts'
import { removePrime } from './decide/remove-prime.ts'
import { keepRescued } from './decide/rescued.ts'
import { awaitBound, keepOutput, restorePolicy, unguard } from './decide/settle.ts'
import { chooseStrategy, stepDown } from './decide/strategy.ts'
import { takeSnapshot } from './decide/take-snapshot.ts'
import type { World } from './world.ts'

type Step = (world: World) => Plan | undefined

/** A claim without a volume gets one (protocols.md 1). */
const populate: Step[] = [
  awaitBinding,
  refuseNonsense,
  askPermission,
  resolveOnce,
  checkClass,
  checkSize,
  awaitConsumer,
  guard,
  chooseStrategy,
  makePrime,
  stepDown,
  replaceStranded,
  fill,
  takeSnapshot,
  noteReach,
  handOver,
]

/** A claim with a volume is only cleaned up after. */
const settle: Step[] = [awaitBound, keepOutput, removePrime, restorePolicy, saySingleNode, unguard]

/** A claim that is being deleted: what is written on it and not committed is kept first (protocols.md 3). */
const depart: Step[] = [removePrime, leaveEmpty, keepBytes, leave]

const stepsFor = ({ claim }: World): Step[] => {
  if (roleOf(claim) === 'rescue') return [keepRescued]
  if (isLeaving(claim)) return depart
  return isBound(claim) ? settle : populate
}

/** What happens next with a claim: the first step that has something to do, or to wait for, does it. */
export const decide = (world: World): Plan => {
  for (const step of stepsFor(world)) {
    const plan = step(world)
    if (plan !== undefined) return plan
  }
  return {}
}
