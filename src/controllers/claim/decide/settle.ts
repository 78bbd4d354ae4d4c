import { annotations, finalizers } from '../../../api/names.ts'
import { jobRef } from '../../../desired/attempt.ts'
import { annotate, removeFinalizers, sameObject } from '../../../desired/json-patch.ts'
import { settledAnnotation } from '../../../desired/volumes.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { belongsTo, claimRef, isBound, isLeaving, isOutput, resolvedOf, volumeRef } from './facts.ts'
import { letGo, retain } from './hand-over.ts'
import { isDone, lastOf } from './versions.ts'

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

/** Read-only and private volumes follow their class's policy again; those with an output are kept until that is safe. */
export const restorePolicy = (world: World): Plan | undefined => {
  const { claim, volume } = world
  if (isOutput(claim) || !belongsTo(volume, claim)) return undefined
  const ops = letGo(volume!)
  return ops.length === 0 ? undefined : { patch: [{ ref: volumeRef(volume!), ops }] }
}

/** Kept from the moment it binds; by the swap already, unless somebody changed it back. */
export const keepOutput = ({ claim, volume }: World): Plan | undefined => {
  if (!isOutput(claim) || !belongsTo(volume, claim)) return undefined
  const ops = retain(volume!)
  return ops.length === 0 ? undefined : { patch: [{ ref: volumeRef(volume!), ops: [sameObject(volume!), ...ops] }] }
}

/** Remembers that the bytes of a version are safe: the version itself may go before the claim does. */
export const noteSettled = ({ claim, written }: World): Plan | undefined => {
  const last = lastOf(written)
  if (!isOutput(claim) || last === undefined || !isDone(last)) return undefined
  const ops = annotate(claim, { [settledAnnotation]: last.metadata.name })
  return ops.length === 0 ? undefined : { patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }] }
}

/** Nothing of the filling is left. */
export const unguard = ({ claim }: World): Plan | undefined => {
  const guard = removeFinalizers(claim, [finalizers.populate])
  const ops = [...guard, ...annotate(claim, { [annotations.waiting]: undefined })]
  if (ops.length === 0) return undefined
  const resolved = resolvedOf(claim)
  const message = `Bound to a volume with ${resolved?.content === undefined ? 'nothing on it' : `${resolved.dataset}:${resolved.version}, verified`}.`
  return {
    patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }],
    ...(guard.length === 0 ? {} : { events: [{ regarding: claim, type: 'Normal', reason: 'Populated', message }] }),
  }
}

/** A claim is Bound with what it has. */
export const awaitBound = ({ claim }: World): Plan | undefined =>
  isBound(claim) && claim.status?.phase === 'Pending' ? { requeueAfter: 5_000 } : undefined
