import type { MoveSpec, Operation } from '../../../api/move.ts'
import { type ReasonName, reasons } from '../../../api/reasons.ts'
import { type Attempt, type AttemptInput, attempt, jobRef, staleJobs } from '../../../desired/attempt.ts'
import { attemptOf } from '../../../desired/labels.ts'
import type { MoverAccess } from '../../../desired/location.ts'
import { moverJob } from '../../../desired/mover-job.ts'
import type { World } from '../world.ts'
import { type Draft, lookAgainAt, say, type Why } from './draft.ts'

/** A reason of the table; a mover that says another one failed in a way of its own. */
export const reasonOf = (reason: string): ReasonName =>
  Object.hasOwn(reasons, reason) ? (reason as ReasonName) : 'MoverFailed'

/** What `attempt` needs of one operation of this Dataset: it sees only Jobs of that operation, so that a Scan and an Adopt don't wait for each other. */
export const attemptInput = (world: World, op: Operation, number: number): AttemptInput => {
  const ownerUid = world.dataset.metadata.uid ?? ''
  const isOfOp = (name: string) => attemptOf(name, op, ownerUid) !== undefined
  return {
    op,
    ownerUid,
    attempt: number,
    jobs: world.jobs.filter((job) => isOfOp(job.metadata.name)),
    pods: world.movers.filter((pod) => pod.metadata.ownerReferences?.some((owner) => isOfOp(owner.name))),
    events: world.events,
    now: world.now,
  }
}

export interface Move {
  spec: MoveSpec
  /** The attempt, from 1. */
  number: number
  /** How many attempts failed in a row before it. */
  failures: number
  /** RFC 3339; the attempt does not start before. */
  notBefore?: string | undefined
  locations: MoverAccess[]
}

/** Looks at one move of this Dataset, and has its Job made when it is time. */
export const follow = (world: World, draft: Draft, move: Move): Attempt => {
  const input = {
    ...attemptInput(world, move.spec.op, move.number),
    failures: move.failures,
    ...(move.notBefore === undefined ? {} : { notBefore: Date.parse(move.notBefore) }),
  }
  draft.plan.delete.push(...staleJobs(input))
  const now = attempt(input)
  if (now.state === 'create') {
    // From a live look: no pod of the last attempt may be left.
    if (move.number > 1) draft.plan.live = true
    const object = moverJob({
      spec: move.spec,
      attempt: move.number,
      namespace: world.dataset.metadata.namespace ?? '',
      owner: world.dataset,
      dataset: world.dataset.metadata.name,
      locations: move.locations,
      ...(world.spec.mover ? { settings: world.spec.mover } : {}),
      config: world.config,
    })
    draft.make.movers.push({ object })
  }
  return now
}

/** Deletes the Jobs of an operation of which no attempt is under way. */
export const cleanUp = (world: World, draft: Draft, op: Operation): void => {
  draft.plan.delete.push(...attemptInput(world, op, 1).jobs.flatMap(jobRef))
}

/** Says on the condition what a mover waits for, if that is worth a word. */
export const movesOn = (
  world: World,
  draft: Draft,
  now: Attempt,
  type: 'SourceReachable' | 'StoreReachable',
): Why | undefined => {
  if (now.state !== 'waiting') return undefined
  if (now.retryIn !== undefined) lookAgainAt(world, draft, world.now + now.retryIn)
  const { reason, message } = now
  if (reason === 'Starting' || reason === 'Backoff' || reason === 'PreviousAttempt') return undefined
  // Waiting for a turn says nothing about the place.
  say(world, draft, { type, status: reason === 'MoversLimited' ? 'Unknown' : 'False', reason, message })
  return { reason, message }
}
