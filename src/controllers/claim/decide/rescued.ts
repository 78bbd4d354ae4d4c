import { annotations, finalizers } from '../../../api/names.ts'
import { removeFinalizers, sameObject } from '../../../desired/json-patch.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { adopt } from './adopt.ts'
import { belongsTo, claimRef, isActive, isLeaving, volumeRef } from './facts.ts'
import { moveOn } from './leave.ts'
import { waits } from './say.ts'
import { isDone } from './versions.ts'
import { letGo } from './volume-ops.ts'

/** Whether nobody wants the bytes any more: they are committed, or a person said so. */
const mayGo = ({ claim, written }: World): boolean => {
  const said = claim.metadata.annotations?.[annotations.abandon]
  if (said !== undefined && said === claim.metadata.uid) return true
  return written.length > 0 && written.every(isDone)
}

/** Nothing is on the claim any more: its volume belongs to another one, or somebody deleted it. */
const isEmpty = ({ claim, volume }: World): boolean => claim.status?.phase === 'Lost' && !belongsTo(volume, claim)

const stay = (world: World): Plan => {
  const { claim } = world
  if (!isLeaving(claim)) return {}
  return (
    moveOn(world) ??
    waits(
      world,
      'DeletionBlocked',
      `Holds bytes that are not committed: commit or abandon their version, or drop them with the annotation ${annotations.abandon}: ${claim.metadata.uid}.`,
    )
  )
}

/** A rescue claim stays until its bytes are committed, adopted or abandoned, whoever deletes it. */
export const keepRescued = (world: World): Plan => {
  const { claim, volume, users } = world
  if (!isEmpty(world) && !mayGo(world)) return adopt(world) ?? stay(world)
  if (users.some(isActive)) return { requeueAfter: 5_000 }
  const back = belongsTo(volume, claim) ? letGo(volume!) : []
  if (back.length > 0) return { live: true, patch: [{ ref: volumeRef(volume!), ops: back }] }
  if (!isLeaving(claim)) return { live: true, delete: [claimRef(claim)] }
  const ops = removeFinalizers(claim, [finalizers.finalize])
  return ops.length === 0 ? {} : { live: true, patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }] }
}
