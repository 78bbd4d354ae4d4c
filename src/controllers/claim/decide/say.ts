import { annotations } from '../../../api/names.ts'
import type { Reason } from '../../../api/reasons/reason.ts'
import { type ReasonName, reasons } from '../../../api/reasons.ts'
import type { WaitReason } from '../../../desired/attempt.ts'
import { annotate, sameObject } from '../../../desired/json-patch.ts'
import type { FailureReason } from '../../../desired/mover-result.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { claimRef, isLeaving } from './facts.ts'

export type Waiting = ReasonName | WaitReason | FailureReason

/**
 * The claim waits: says why, once, on it and in an event. Looks again after `after` milliseconds where nothing that is watched would tell.
 */
export const waits = (world: World, reason: Waiting, message: string, after?: number): Plan => {
  const { claim } = world
  const again = after === undefined ? {} : { requeueAfter: after }
  const ops = annotate(claim, { [annotations.waiting]: `${reason}: ${message}` })
  if (ops.length === 0) return again
  return {
    ...again,
    patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }],
    // A namespace that is being deleted takes no event.
    ...(world.namespace === undefined || isLeaving(world.namespace)
      ? {}
      : {
          events: [
            { regarding: claim, type: warns(reason) ? ('Warning' as const) : ('Normal' as const), reason, message },
          ],
        }),
  }
}

/** Nothing is wrong with waits that end by themselves when all goes as it should. */
const warns = (reason: string): boolean =>
  reason !== 'VersionOnItsWay' && (reasons as Record<string, Reason | undefined>)[reason]?.kind !== 'info'
