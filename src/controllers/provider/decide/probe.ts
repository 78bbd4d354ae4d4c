import type { ConditionUpdate } from '../../../api/conditions.ts'
import type { MoveDone } from '../../../api/move-result.ts'
import { type ReasonName, reasons } from '../../../api/reasons.ts'
import type { StorageProviderStatus } from '../../../api/storage-provider.ts'
import { type Attempt, retryDelay } from '../../../desired/attempt.ts'
import { lookFor } from '../../../desired/look.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'

const day = 86_400_000

export interface Outcome {
  status: Partial<StorageProviderStatus>
  conditions: ConditionUpdate[]
  plan: Plan
  /** Why it is not ready; undefined: it is. */
  notReady?: Pick<ConditionUpdate, 'reason' | 'message'> | undefined
}

type Probed = Extract<MoveDone, { op: 'Probe' }>['locations'][number]

const isoTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const reasonOf = (reason: string): ReasonName =>
  Object.hasOwn(reasons, reason) ? (reason as ReasonName) : 'MoverFailed'

/** When it is probed next, in ms since 1970. */
const dueAt = ({ provider: { status, metadata }, now }: World): number => {
  // A changed spec is tried at once.
  if (status?.nextRetryAt !== undefined && status.probedGeneration === metadata.generation)
    return Date.parse(status.nextRetryAt)
  if (status?.probedAt === undefined || status.lastFailure !== undefined) return now
  return status.probedGeneration === metadata.generation ? Date.parse(status.probedAt) + day : now
}

const failed = (world: World, why: { reason: string; message: string }): Outcome => {
  const { attempt = 1, failures: before = 0 } = world.provider.status ?? {}
  const failures = before + 1
  const retryAt = world.now + retryDelay(failures - 1)
  const reason = reasonOf(why.reason)
  return {
    status: {
      attempt: attempt + 1,
      probeStartedAt: undefined,
      failures,
      nextRetryAt: isoTime(retryAt),
      lastFailure: { op: 'Probe', reason, message: why.message, at: isoTime(world.now) },
    },
    conditions: [{ type: 'Reachable', status: 'False', reason, message: why.message }],
    plan: { requeueAfter: retryAt - world.now },
    notReady: { reason, message: why.message },
  }
}

const guard = (strong: boolean): ConditionUpdate =>
  strong
    ? {
        type: 'WeakCommitGuard',
        status: 'False',
        reason: 'StrongCommitGuard',
        message: 'The store can create an object only if it is not there.',
      }
    : {
        type: 'WeakCommitGuard',
        status: 'True',
        reason: 'WeakCommitGuard',
        message:
          'The store has no conditional writes: versions are safe as long as one cluster alone writes; use another store if several share it.',
      }

const finished = (world: World, found: Probed | undefined): Outcome => {
  if (!found) return failed(world, { reason: 'MoverFailed', message: 'The mover probed nothing.' })
  if ('reason' in found) return failed(world, found)
  return {
    status: {
      attempt: (world.provider.status?.attempt ?? 1) + 1,
      probeStartedAt: undefined,
      failures: undefined,
      nextRetryAt: undefined,
      lastFailure: undefined,
      probedAt: isoTime(world.now),
      capabilities: found,
    },
    conditions: [
      { type: 'Reachable', status: 'True', reason: 'Reachable', message: 'The last probe succeeded.' },
      guard(found.putIfAbsent),
    ],
    plan: { requeueAfter: day },
  }
}

/** A pod that has not started after so long is worth a word, ms. */
const patienceMs = 30_000

/** A pod that does not start: a volume that can't be mounted, no node for it, no image. */
const slowStart = ({ provider, now: at }: World, now: Attempt | undefined) => {
  const since = Date.parse(provider.status?.probeStartedAt ?? '')
  if (now?.state !== 'waiting' || now.reason !== 'Starting' || !(since + patienceMs <= at)) return undefined
  const message = `${now.message} If it stays so, the events of the pod say why (kubectl describe pod).`
  return { reason: 'MoverStarting' as const, message }
}

/** What is known while a probe waits for its time, or is under way. */
const meanwhile = (world: World, now: Attempt | undefined, status: Outcome['status'], plan: Plan): Outcome => {
  const { lastFailure, capabilities } = world.provider.status ?? {}
  if (now?.state === 'waiting' && worthAWord.includes(now.reason)) {
    const why = { reason: reasonOf(now.reason), message: now.message }
    const condition = {
      type: 'Reachable',
      status: now.reason === 'MoversLimited' ? 'Unknown' : 'False',
      ...why,
    } as const
    return { status, conditions: [condition], plan, notReady: capabilities && !lastFailure ? undefined : why }
  }
  const first = slowStart(world, now) ?? {
    reason: 'Probing' as const,
    message: 'The store is being asked what it can do.',
  }
  const failure = lastFailure && { reason: reasonOf(lastFailure.reason), message: lastFailure.message }
  return { status, conditions: [], plan, notReady: failure ?? (capabilities ? undefined : first) }
}

const worthAWord: readonly string[] = ['QuotaExceeded', 'PodRefused', 'NodeLost', 'MoversLimited']

/** Asks for a probe. */
const begin = (world: World): Outcome => {
  const status = {
    attempt: world.provider.status?.attempt ?? 1,
    probeStartedAt: isoTime(world.now),
    probedGeneration: world.provider.metadata.generation,
  }
  return meanwhile(world, undefined, status, {})
}

/**
 * Has the store probed: at first, when the spec changed, with backoff after a failure, and once a day. The Job is made, and cleared up, by who makes them for all
 * StorageProviders of the namespace.
 */
export const probe = (world: World): Outcome => {
  const { metadata, status = {} } = world.provider
  const isChanged = status.probedGeneration !== metadata.generation
  if (status.probeStartedAt === undefined) {
    const due = dueAt(world)
    if (due <= world.now) return begin(world)
    return meanwhile(world, undefined, {}, { requeueAfter: due - world.now })
  }
  // It would tell of what the spec no longer says.
  if (isChanged)
    return begin({
      ...world,
      provider: { ...world.provider, status: { ...status, attempt: (status.attempt ?? 1) + 1 } },
    })
  const state = lookFor({
    uid: metadata.uid ?? '',
    attempt: status.attempt ?? 1,
    jobs: world.looks,
    pods: world.lookers,
    now: world.now,
  })
  const now = state?.now
  if (now?.state === 'failed') return failed(world, now)
  if (now?.state === 'done' && now.result.op === 'Probe')
    return finished(world, now.result.locations[state?.index ?? 0])
  const retryIn = now?.state === 'waiting' ? now.retryIn : undefined
  const again = retryIn ?? (now?.state === 'waiting' ? patienceMs : undefined)
  return meanwhile(world, now, {}, again === undefined ? {} : { requeueAfter: again })
}
