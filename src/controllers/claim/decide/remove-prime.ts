import { jobRef } from '../../../desired/attempt.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { belongsTo, claimRef, isLeaving, volumeRef } from './facts.ts'
import { letGo } from './volume-ops.ts'

/** A volume of our prime that the claim will not get: its policy as it was, so that it goes with the prime. */
const giveBack = ({ primeVolume, prime }: World): NonNullable<Plan['patch']> => {
  const ops =
    primeVolume !== undefined && prime !== undefined && belongsTo(primeVolume, prime) ? letGo(primeVolume) : []
  return ops.length === 0 ? [] : [{ ref: volumeRef(primeVolume!), ops }]
}

/**
 * Takes the prime and its movers away: before the volume was handed over its movers first, then it and its volume; after that only once it
 * is Lost, as its volume is somebody else's then.
 */
export const removePrime = (world: World): Plan | undefined => {
  const { claim, prime, primeVolume, jobs, movers } = world
  const running = jobs.flatMap(jobRef)
  if (prime === undefined) return running.length > 0 ? { live: true, delete: running } : undefined
  if (belongsTo(primeVolume, claim) && prime.status?.phase !== 'Lost') return { requeueAfter: 5_000 }
  if (running.length > 0) return { live: true, delete: running }
  if (isLeaving(prime) || jobs.length > 0 || movers.length > 0) return { requeueAfter: 2_000 }
  return { live: true, patch: giveBack(world), delete: [claimRef(prime)] }
}
