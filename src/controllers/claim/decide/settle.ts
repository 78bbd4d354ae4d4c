import { annotations, finalizers } from '../../../api/names.ts'
import { annotate, removeFinalizers, sameObject } from '../../../desired/json-patch.ts'
import { strategyOf } from '../../../desired/strategy.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { belongsTo, claimRef, isBound, isOutput, resolvedOf, volumeRef } from './facts.ts'

import { letGo, retain } from './volume-ops.ts'

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

/** Nothing of the filling is left. */
export const unguard = ({ claim }: World): Plan | undefined => {
  const guard = removeFinalizers(claim, [finalizers.populate])
  const ops = [...guard, ...annotate(claim, { [annotations.waiting]: undefined })]
  if (ops.length === 0) return undefined
  const resolved = resolvedOf(claim)
  const how = strategyOf(claim)?.reason
  const what = resolved?.content === undefined ? 'nothing on it' : `${resolved.dataset}:${resolved.version}, verified`
  const message = `Bound to a volume with ${what}.${how === undefined ? '' : ` ${how}`}`
  return {
    patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }],
    ...(guard.length === 0 ? {} : { events: [{ regarding: claim, type: 'Normal', reason: 'Populated', message }] }),
  }
}

/** A claim is Bound with what it has. */
export const awaitBound = ({ claim }: World): Plan | undefined =>
  isBound(claim) && claim.status?.phase === 'Pending' ? { requeueAfter: 5_000 } : undefined
