import type { ConditionUpdate } from '../../../api/conditions.ts'
import type { MoveDone } from '../../../api/move.ts'
import { type ReasonName, reasons } from '../../../api/reasons.ts'
import type { StorageProviderStatus } from '../../../api/storage-provider.ts'
import { type Attempt, type AttemptInput, attempt, jobRef, retryDelay, staleJobs } from '../../../desired/attempt.ts'
import { moverAccess, resolveLocation } from '../../../desired/location.ts'
import { moverJob } from '../../../desired/mover-job.ts'
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

/** What `attempt` needs to know. */
export const attemptInput = (world: Pick<World, 'provider' | 'jobs' | 'movers' | 'events' | 'now'>): AttemptInput => {
  const { status, metadata } = world.provider
  // A changed spec is tried at once.
  const patient = status?.nextRetryAt !== undefined && status.probedGeneration === metadata.generation
  return {
    op: 'Probe',
    ownerUid: metadata.uid ?? '',
    attempt: status?.attempt ?? 1,
    failures: status?.failures ?? 0,
    ...(patient ? { notBefore: Date.parse(status.nextRetryAt ?? '') } : {}),
    jobs: world.jobs,
    pods: world.movers,
    events: world.events,
    now: world.now,
  }
}

/** When it is probed next, in ms since 1970. */
const dueAt = ({ provider: { status, metadata }, now }: World): number => {
  if (status?.probedAt === undefined || status.lastFailure !== undefined) return now
  return status.probedGeneration === metadata.generation ? Date.parse(status.probedAt) + day : now
}

const jobFor = (world: World, input: AttemptInput): Plan => {
  const { name, namespace = '' } = world.provider.metadata
  const resolution = resolveLocation({ provider: name }, [world.provider])
  if (!('location' in resolution)) return {}
  const access = moverAccess('store', resolution.location)
  const job = moverJob({
    spec: { op: 'Probe', locations: [access.location] },
    attempt: input.attempt,
    namespace,
    owner: world.provider,
    locations: [access],
    ...(world.spec?.mover ? { settings: world.spec.mover } : {}),
    config: world.config,
  })
  return { create: [job], ...(input.attempt > 1 ? { live: true } : {}) }
}

const failed = (world: World, input: AttemptInput, why: { reason: string; message: string }): Outcome => {
  const failures = (input.failures ?? 0) + 1
  const retryAt = world.now + retryDelay(failures - 1)
  const reason = reasonOf(why.reason)
  return {
    status: {
      attempt: input.attempt + 1,
      failures,
      probedGeneration: world.provider.metadata.generation,
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

const finished = (world: World, input: AttemptInput, found: Probed | undefined): Outcome => {
  if (!found) return failed(world, input, { reason: 'MoverFailed', message: 'The mover probed nothing.' })
  if ('reason' in found) return failed(world, input, found)
  return {
    status: {
      attempt: input.attempt + 1,
      failures: undefined,
      nextRetryAt: undefined,
      lastFailure: undefined,
      probedAt: isoTime(world.now),
      probedGeneration: world.provider.metadata.generation,
      capabilities: found,
    },
    conditions: [
      { type: 'Reachable', status: 'True', reason: 'Reachable', message: 'The last probe succeeded.' },
      guard(found.putIfAbsent),
    ],
    plan: { requeueAfter: day },
  }
}

/** What is known while a probe is under way or waits. */
const meanwhile = (world: World, input: AttemptInput, now: Attempt): Outcome => {
  const plan: Plan = {
    delete: staleJobs(input),
    ...(now.state === 'create' ? jobFor(world, input) : {}),
    ...(now.state === 'waiting' && now.retryIn !== undefined ? { requeueAfter: now.retryIn } : {}),
  }
  const refused = now.state === 'waiting' && (now.reason === 'QuotaExceeded' || now.reason === 'PodRefused')
  const { lastFailure, capabilities } = world.provider.status ?? {}
  if (refused) {
    const why = { reason: now.reason as ReasonName, message: now.message }
    return { status: {}, conditions: [{ type: 'Reachable', status: 'False', ...why }], plan, notReady: why }
  }
  if (lastFailure)
    return {
      status: {},
      conditions: [],
      plan,
      notReady: { reason: reasonOf(lastFailure.reason), message: lastFailure.message },
    }
  const first = { reason: 'Probing', message: 'The store is being asked what it can do.' } as const
  return { status: {}, conditions: [], plan, notReady: capabilities ? undefined : first }
}

/** Probes the store: at first, when the spec changed, with backoff after a failure, and once a day. */
export const probe = (world: World): Outcome => {
  const due = dueAt(world)
  if (due > world.now)
    return {
      status: {},
      conditions: [],
      plan: { delete: world.jobs.flatMap(jobRef), requeueAfter: due - world.now },
    }
  const input = attemptInput(world)
  const now = attempt(input)
  if (now.state === 'failed') return failed(world, input, now)
  if (now.state === 'done' && now.result.op === 'Probe') return finished(world, input, now.result.locations[0])
  return meanwhile(world, input, now)
}
