import type { LifecycleRule } from '@google-cloud/storage'
import type { GcsDeps } from './client.ts'
import { callSdk } from './sdk.ts'

/** How long a store may take to say what its rules are, ms: nothing depends on it. */
const patience = 10_000

/** Whether a rule deletes old generations of objects under the prefix. What it says of ages and classes is left aside: some day it applies. */
export const removesOldGenerations = (rules: readonly LifecycleRule[], prefix: string): boolean =>
  rules.some(({ action, condition }) => {
    if (action.type !== 'Delete' || condition.isLive === true) return false
    const { matchesPrefix = [] } = condition
    return matchesPrefix.length === 0 || matchesPrefix.some((of) => of.startsWith(prefix) || prefix.startsWith(of))
  })

/** Asks once. undefined: the store does not say. */
export const readLifecycle = async (
  deps: GcsDeps,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> => {
  const patient = AbortSignal.any([AbortSignal.timeout(patience), ...(signal ? [signal] : [])])
  const once = { ...deps, retry: { ...deps.retry, attempts: 1 } }
  try {
    return await callSdk(once, { doing: 'read the bucket' }, patient, async (bucket) => {
      const [{ lifecycle }] = await bucket.getMetadata({ fields: 'lifecycle' })
      return removesOldGenerations(lifecycle?.rule ?? [], prefix)
    })
  } catch {
    signal?.throwIfAborted()
    return undefined
  }
}
