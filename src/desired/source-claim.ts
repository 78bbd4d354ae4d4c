import type { SourceLocation } from '../api/location.ts'
import type { KubeObject } from '../api/meta.ts'

/** How many pods are named. */
const shown = 5

/** Why a claim that is a source can't be read now: it is not there, or pods write to it. undefined: it can be, or the source is no claim. */
export const claimProblem = (
  source: SourceLocation | undefined,
  claim: KubeObject | undefined,
  writers: readonly string[],
): { reason: 'SourceNotFound' | 'WritersActive'; message: string } | undefined => {
  if (source?.claim === undefined) return undefined
  const { name, live } = source.claim
  if (claim === undefined)
    return {
      reason: 'SourceNotFound',
      message: `There is no claim ${name} in this namespace: create it, or mend spec.source.claim.name.`,
    }
  if (live || writers.length === 0) return undefined
  const more = writers.length > shown ? ` and ${writers.length - shown} more` : ''
  return {
    reason: 'WritersActive',
    message: `Waits until no pod writes to claim ${name}: ${writers.slice(0, shown).join(', ')}${more}. End them, or set spec.source.claim.live: true.`,
  }
}
