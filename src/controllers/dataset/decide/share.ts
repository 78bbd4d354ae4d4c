import * as kinds from '../../../api/kinds.ts'
import { finalizers, labels } from '../../../api/names.ts'
import { type Share, wantedShare } from '../../../desired/share.ts'
import type { Claim, Volume } from '../../../desired/volumes.ts'
import type { KubeObject, Plan } from '../../../kube/types.ts'
import { sameJson } from '../../../lib/equal.ts'
import type { World } from '../world.ts'
import { type Draft, lookAgainAt, type Step } from './draft.ts'
import { keepFinalizer } from './finalizer.ts'

const isLeaving = ({ metadata }: KubeObject): boolean => metadata.deletionTimestamp !== undefined

const shareOf = (world: World): Share | undefined =>
  world.problem !== undefined || isLeaving(world.dataset)
    ? undefined
    : wantedShare(world.dataset, world.spec, world.config.allowHostPath ?? [])

const isOurs = (world: World, { metadata }: KubeObject): boolean =>
  metadata.labels?.[labels.role] === 'source' && metadata.labels[labels.ownerUid] === world.dataset.metadata.uid

/** While there is a volume that was made for the Dataset, or is about to be: nobody else would remove it. A plan of its own. */
export const keepWhileShared = (world: World): Plan | undefined => {
  const left = world.shareVolumes.some((volume) => isOurs(world, volume) && !isLeaving(volume))
  return keepFinalizer(world, finalizers.share, left || shareOf(world) !== undefined)
}

const remove = (draft: Draft, kind: typeof kinds.Claim, object: KubeObject): void => {
  const { name, namespace, uid = '' } = object.metadata
  if (isLeaving(object)) return
  draft.plan.live = true
  draft.plan.delete.push({ kind, name, uid, ...(namespace === undefined ? {} : { namespace }) })
}

/** Volume and claim fit, and are what the spec asks for: nothing of a volume can be changed once it is there. */
const isRight = (share: Share, claim: Claim, volume: Volume): boolean => {
  const wanted = share.volume(claim.metadata.uid ?? '')
  return (
    volume.metadata.name === wanted.metadata.name &&
    volume.spec.claimRef?.uid === claim.metadata.uid &&
    sameJson(volume.spec.nfs, wanted.spec.nfs) &&
    sameJson(volume.spec.local, wanted.spec.local)
  )
}

/** The claim of the share, as far as it is there. */
const claimOf = (world: World, share: Share): Claim | undefined =>
  world.shareClaims.find((claim) => claim.metadata.name === share.claim.metadata.name)

const make = (world: World, draft: Draft, share: Share): void => {
  const claim = claimOf(world, share)
  if (claim === undefined) draft.make.claims.push({ object: share.claim })
  else if (!isOurs(world, claim)) {
    const message = `There is a claim ${claim.metadata.name} that Granary did not make: rename or delete it.`
    draft.stalled = { reason: 'NameTaken', message }
  } else if (!isLeaving(claim)) {
    const volume = share.volume(claim.metadata.uid ?? '')
    const there = world.shareVolumes.some((one) => one.metadata.name === volume.metadata.name)
    if (!there) draft.make.claims.push({ object: volume })
  }
}

/**
 * Keeps claim and volume of a source that is a share or a directory of the nodes: first the claim, then the volume for that very claim. What the spec
 * asks for no more, or otherwise, goes, and comes again as it should be once it is gone.
 */
export const keepShare: Step = (world, draft) => {
  const share = shareOf(world)
  const claim = share && claimOf(world, share)
  const right = world.shareVolumes.find((volume) => share && claim && isRight(share, claim, volume))
  const outdated = world.shareVolumes.filter((volume) => volume !== right && isOurs(world, volume))
  for (const volume of outdated) {
    remove(draft, kinds.Volume, volume)
    const own = world.shareClaims.find((one) => one.metadata.uid === volume.spec.claimRef?.uid)
    if (own !== undefined && isOurs(world, own)) remove(draft, kinds.Claim, own)
  }
  for (const one of world.shareClaims)
    if (one.metadata.name !== share?.claim.metadata.name && isOurs(world, one)) remove(draft, kinds.Claim, one)
  if (share !== undefined) make(world, draft, share)
  return draft.stalled === undefined ? undefined : 'stop'
}

/** What the claim waits for. */
const pollMs = 5_000

/** With `import: Mount` there are no versions: the claim is all there is. */
export const tellMounted: Step = (world, draft) => {
  if (world.spec.import !== 'Mount' || isLeaving(world.dataset)) return undefined
  draft.status.lastSync = undefined
  draft.status.nextSyncAt = undefined
  draft.status.import = { mode: 'Mount', reason: 'spec.import is Mount: nothing is copied, there are no versions' }
  const share = shareOf(world)
  const claim = share && claimOf(world, share)
  const { name } = share?.claim.metadata ?? { name: '' }
  if (claim?.status?.phase === 'Bound' && !isLeaving(claim)) {
    draft.mounted = `Claim ${name} is the source itself, read-only; nothing is copied, and there are no versions.`
    return 'stop'
  }
  const message =
    claim !== undefined && isLeaving(claim)
      ? `The source changed: claim ${name} is made anew when the pods that name it are gone, those that have ended too.`
      : `Claim ${name} is being bound to its volume.`
  draft.held = { reason: 'VolumePending', message }
  lookAgainAt(world, draft, world.now + pollMs)
  return 'stop'
}
