import { setTimeout as delay } from 'node:timers/promises'
import type { StoreError } from './object-store.ts'

/** How stubbornly transient failures are tried again. Times in milliseconds. */
export interface RetryPolicy {
  /** Tries in all, the first included. */
  attempts: number
  /** The longest pause before the second try; doubles with every further one, up to `cap`. */
  base: number
  cap: number
}

/** About a minute in all: longer than the usual fail-over of a store, shorter than a person's patience. */
export const defaultRetryPolicy: RetryPolicy = { attempts: 8, base: 200, cap: 20_000 }

/** A failure that is worth another try. `after` is what the server asked for (Retry-After), in milliseconds. */
export class TransientError extends Error {
  readonly after: number | undefined
  /** What the caller gets when the tries are used up. */
  readonly final: StoreError
  constructor(final: StoreError, after?: number) {
    super(final.message)
    this.name = 'TransientError'
    this.final = final
    this.after = after
  }
}

/** Nobody waits longer than this for one Retry-After. */
const longestServerPause = 60_000

/** The pause before try number `attempt` (2, 3, …): full jitter, so that many clients don't come back at once. */
export const pauseBefore = (policy: RetryPolicy, attempt: number, after?: number, random = Math.random): number => {
  const jittered = random() * Math.min(policy.cap, policy.base * 2 ** (attempt - 2))
  return after === undefined ? jittered : Math.min(after, longestServerPause) + jittered
}

/** Waits before try number `attempt`; ends at once when the signal fires. */
export const pause = async (
  policy: RetryPolicy,
  attempt: number,
  after?: number,
  signal?: AbortSignal,
): Promise<void> => {
  await delay(pauseBefore(policy, attempt, after), undefined, signal ? { signal } : {})
}

/**
 * Runs `work` until it succeeds, fails with something other than TransientError, or the tries are used up (then its `final` is thrown).
 * `work` gets the number of the try, from 1.
 */
export const withRetry = async <T>(
  policy: RetryPolicy,
  signal: AbortSignal | undefined,
  work: (attempt: number) => Promise<T>,
): Promise<T> => {
  for (let attempt = 1; ; attempt++) {
    signal?.throwIfAborted()
    try {
      return await work(attempt)
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      if (attempt >= policy.attempts) throw error.final
      await pause(policy, attempt + 1, error.after, signal)
    }
  }
}
