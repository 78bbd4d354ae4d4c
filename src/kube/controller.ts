import type { Clock } from '../lib/clock.ts'
import { messageOf, TerminalError, WaitError } from '../lib/errors.ts'
import type { Log } from '../lib/log.ts'
import { isApiError } from './api-error.ts'
import type { Written } from './apply.ts'
import type { Cache } from './cache.ts'
import type { KubeClient } from './client.ts'
import type { EventRecorder } from './events.ts'
import { Expectations } from './expectations.ts'
import { kindKey } from './kind-of.ts'
import type { Metrics } from './metrics.ts'
import { reconcileOnce } from './reconcile.ts'
import type { Controller, KubeObject, Reader } from './types.ts'
import { WorkQueue } from './workqueue.ts'

export interface RunnerDeps {
  client: KubeClient
  /** By `kindKey`; one for every kind that a controller watches. */
  caches: ReadonlyMap<string, Cache>
  cached: Reader
  /** A new one for every look: it lists a kind once. */
  live(): Reader
  recorder: EventRecorder
  metrics: Metrics
  log: Log
  clock: Clock
}

export interface RunnerOptions {
  /** Keys looked at at the same time. */
  concurrency?: number
}

/** Between two questions whether the caches have what was written. Milliseconds. */
const catchUpMs = 20
/** What a user does about a TerminalError may be in an object that nobody watches. Milliseconds. */
const stalledMs = 300_000
/** Between two tries to make something in a namespace that is being deleted. Milliseconds. */
const terminatingMs = 10_000
/** Conflicts whose backoff grew to this are no coincidence. Milliseconds. */
const patienceMs = 3000

/**
 * Runs a controller until `signal` aborts, then ends what is under way. What the caches hold, and every change, becomes keys; each key is looked at once they
 * have seen what the last look wrote. A TerminalError waits for the next change, or minutes, a WaitError for its time, any other error for its backoff.
 */
export const runController = async (
  deps: RunnerDeps,
  controller: Controller,
  signal: AbortSignal,
  { concurrency = 4 }: RunnerOptions = {},
): Promise<void> => {
  const log = deps.log.child({ controller: controller.name })
  const queue = new WorkQueue()
  const expectations = new Expectations(deps.caches, () => deps.clock.monotonic())
  const releasers = controller.watches.map(({ kind, keys }) => {
    const cache = deps.caches.get(kindKey(kind))
    if (!cache) throw new Error(`controller ${controller.name} watches ${kind.plural}, which no cache holds`)
    const enqueue = (object: KubeObject | undefined, old: KubeObject | undefined) => {
      try {
        for (const key of keys((object ?? old) as KubeObject, object && old)) queue.add(key)
        deps.metrics.queueDepth.set({ controller: controller.name }, queue.depth)
      } catch (error) {
        log.error({ kind: kind.plural, error: messageOf(error) }, 'can not tell whom a change concerns')
      }
    }
    const release = cache.onChange(enqueue)
    for (const object of cache.list()) enqueue(object, undefined)
    return release
  })
  const look = (key: string) => lookAt({ ...deps, log: log.child({ key }) }, controller, { queue, expectations }, key)
  try {
    await queue.run(concurrency, look, signal)
  } finally {
    for (const release of releasers) release()
  }
}

interface Memory {
  queue: WorkQueue
  expectations: Expectations
}

const lookAt = async (
  deps: RunnerDeps,
  controller: Controller,
  { queue, expectations }: Memory,
  key: string,
): Promise<void> => {
  if (!expectations.met(key)) return queue.addAfter(key, catchUpMs)
  const written: Written = []
  const stop = deps.metrics.reconcileSeconds.startTimer({ controller: controller.name })
  let result: Outcome = 'done'
  try {
    const plan = await reconcileOnce(
      { ...deps, fieldManager: `granary-${controller.name}`, now: deps.clock.now },
      controller,
      key,
      written,
    )
    queue.forget(key)
    if (plan?.requeueAfter !== undefined) queue.addAfter(key, plan.requeueAfter)
  } catch (error) {
    result = outcomeOf(error)
    deps.metrics.reconcileErrors.inc({ controller: controller.name, kind: result })
    lookAgain(deps.log, queue, key, error)
  }
  expectations.wrote(key, written)
  deps.metrics.queueDepth.set({ controller: controller.name }, queue.depth)
  stop({ result })
}

type Outcome = 'done' | 'terminal' | 'wait' | 'conflict' | 'error'

const outcomeOf = (error: unknown): Outcome => {
  if (error instanceof TerminalError) return 'terminal'
  if (error instanceof WaitError) return 'wait'
  if (isApiError(error, (e) => e.isNamespaceTerminating)) return 'wait'
  return isApiError(error, (e) => e.isConflict) ? 'conflict' : 'error'
}

const lookAgain = (log: Log, queue: WorkQueue, key: string, error: unknown) => {
  if (error instanceof TerminalError) {
    queue.forget(key)
    queue.addAfter(key, stalledMs)
    log.warn({ reason: error.reason, error: error.message }, 'stalled until the user acts')
  } else if (error instanceof WaitError) {
    queue.forget(key)
    queue.addAfter(key, error.afterMs)
    log.info({ reason: error.reason, error: error.message }, 'waiting')
  } else if (isApiError(error, (e) => e.isNamespaceTerminating)) {
    // What is left of it tells by its own end; this is for what comes after that, and for a namespace that hangs.
    queue.forget(key)
    queue.addAfter(key, terminatingMs)
    log.debug({ error: error.message }, 'the namespace is being deleted')
  } else {
    const retryMs = Math.round(queue.addFailed(key))
    const code = isApiError(error) ? { code: error.code, reason: error.reason } : {}
    const told = { ...code, error: messageOf(error), retryMs }
    // Somebody else was faster: nothing to worry about, unless it goes on.
    if (isApiError(error, (e) => e.isConflict) && retryMs < patienceMs) log.debug(told, 'conflict, looking again')
    else log.error(told, 'failed, trying again')
  }
}
