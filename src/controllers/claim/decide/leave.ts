import type { DatasetVersion } from '../../../api/dataset-version.ts'
import { annotations, finalizers } from '../../../api/names.ts'
import { annotate, removeFinalizers, sameObject } from '../../../desired/json-patch.ts'
import { type Rescued, readRescued, rescueClaim } from '../../../desired/rescue.ts'
import { type Claim, rescuedAnnotation } from '../../../desired/volumes.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { belongsTo, claimRef, handedOver, isActive, isBound, isLeaving, isOutput, volumeRef } from './facts.ts'
import { waits } from './say.ts'
import { isDone, isUndecided, lastOf } from './versions.ts'
import { letGo, swap } from './volume-ops.ts'

const release = ({ claim, volume, primeVolume }: World): Plan => {
  const own = [volume, primeVolume].find((one) => belongsTo(one, claim))
  const back = own === undefined ? [] : letGo(own)
  if (back.length > 0) return { live: true, patch: [{ ref: volumeRef(own!), ops: back }] }
  const ops = removeFinalizers(claim, [finalizers.populate, finalizers.finalize])
  return ops.length === 0 ? {} : { live: true, patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }] }
}

/** A claim that nobody could write to, or that is for reading: nothing to keep. */
export const leaveEmpty = (world: World): Plan | undefined => {
  const { claim } = world
  if (isOutput(claim) && isBound(claim) && (handedOver(world) !== undefined || world.rescue !== undefined))
    return undefined
  return release(world)
}

const rescuedOf = ({ claim, source }: World, version: DatasetVersion): Rescued => {
  const { metadata, spec, status = {} } = version
  const dataset = 'missing' in source ? undefined : source.dataset
  return {
    namespace: metadata.namespace ?? '',
    dataset: spec.dataset,
    datasetUid: dataset?.metadata.uid,
    name: metadata.name,
    uid: metadata.uid,
    phase: status.phase,
    sequence: status.sequence,
    openedAt: status.openedAt,
    parent: status.parent,
    base: status.base,
    message: spec.message,
    tags: spec.tags,
    writer: status.writer,
    producedBy: status.producedBy,
    inputs: status.inputs,
    store: dataset?.status?.store,
    claim: { name: claim.metadata.name, uid: claim.metadata.uid ?? '' },
  }
}

const takeOver = (world: World, rescue: Claim): Plan | undefined => {
  const { claim, volume, now } = world
  if (!belongsTo(volume, claim)) return undefined
  const notes = { [rescuedAnnotation]: rescue.metadata.annotations?.[rescuedAnnotation] }
  return {
    live: true,
    patch: [{ ref: volumeRef(volume!), ops: swap(volume!, claim, rescue, now, notes) }],
  }
}

/** Where the bytes of a claim in this namespace are kept. A namespace that is being deleted takes no new claim. */
const keeper = ({ claim, namespace, config }: World): { namespace: string; dying: boolean } => {
  const dying = namespace === undefined || isLeaving(namespace)
  return { namespace: dying ? config.rescueNamespace : (claim.metadata.namespace ?? ''), dying }
}

/** Tells the version where its bytes are now, on the old claim: it may know no other yet. */
const point = ({ claim }: World, rescue: Claim): Plan | undefined => {
  const { namespace, name } = rescue.metadata
  const where = namespace === claim.metadata.namespace ? name : `${namespace}/${name}`
  const ops = annotate(claim, { [annotations.rescue]: where })
  return ops.length === 0 ? undefined : { patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }] }
}

/** Moves the volume to a rescue claim, in steps; undefined once it is there, and who must know it can. */
const rescueBytes = (world: World, rescued: Rescued, heardBy: (name: string) => boolean): Plan | undefined => {
  const { claim, volume, rescue } = world
  const { namespace, dying } = keeper(world)
  if (rescue === undefined) {
    if (volume === undefined || !belongsTo(volume, claim)) return undefined
    const copy = rescueClaim(claim, volume, namespace, rescued)
    const said = waits(
      world,
      'Rescued',
      `Is being deleted with bytes that are not committed: they move to claim ${namespace}/${copy.metadata.name}.`,
    )
    return said.patch === undefined ? { live: true, create: [copy] } : said
  }
  const plan = takeOver(world, rescue)
  if (plan !== undefined) return plan
  if (rescue.status?.phase !== 'Bound') return { requeueAfter: 5_000 }
  // In a living namespace the version may still have to learn where its bytes are; in a dying one nothing waits for anything.
  return point(world, rescue) ?? (dying || heardBy(rescue.metadata.name) ? undefined : { requeueAfter: 30_000 })
}

/**
 * What is written on the claim and not committed moves to a rescue claim, once no pod writes any more. A version whose bytes are needed does not go
 * before they are elsewhere (its own finalizer, from before the claim was filled): without one there is nothing to keep.
 */
export const keepBytes = (world: World): Plan | undefined => {
  const { users, written } = world
  const running = users.find(isActive)
  if (running !== undefined) return waits(world, 'InUse', `Goes when pod ${running.metadata.name} has ended.`, 10_000)
  const last = lastOf(written)
  if (last === undefined || isDone(last)) return undefined
  // It decides by what it sees of the claim and its pods, not by the rescue; nothing waits in a circle.
  if (isUndecided(last)) return { requeueAfter: 5_000 }
  return rescueBytes(world, rescuedOf(world, last), (name) => last.status?.claimName === name)
}

/** The namespace of a rescue claim is being deleted as well: its bytes move on. */
export const moveOn = (world: World): Plan | undefined => {
  const { claim, config } = world
  if (!keeper(world).dying || claim.metadata.namespace === config.rescueNamespace) return undefined
  const rescued = readRescued(claim)
  return rescued === undefined ? release(world) : (rescueBytes(world, rescued, () => true) ?? release(world))
}

/** The last step: nothing is on the claim that is not somewhere else. */
export const leave = (world: World): Plan => release(world)
