import { VolumeSnapshot } from '../../../api/kinds.ts'
import { claimName } from '../../../api/names.ts'
import { attemptOf } from '../../../desired/labels.ts'
import { announcedFor, isCut, type Snapshot, versionSnapshot } from '../../../desired/snapshot.ts'
import { claimNamesOf, hasEnded } from '../pods.ts'
import type { World } from '../world.ts'
import { type Draft, lookAgainIn, tell } from './draft.ts'

const pollMs = 1_000
/** So long a snapshot that says it failed may still come: controllers try again, ms. */
const errorPatience = 20_000

const nameOf = ({ version, spec }: World): string => claimName(spec.dataset, version.status?.sequence ?? 0)

/** The claim that was written to, as long as its volume has what was committed and nobody takes it away. */
const writtenClaim = ({ claim, rescue, spec }: World) =>
  claim?.status?.phase === 'Bound' &&
  claim.metadata.deletionTimestamp === undefined &&
  rescue === undefined &&
  spec.from === undefined
    ? claim
    : undefined

/**
 * With the commit: where the Dataset keeps volumes of its versions, and the driver of the one that was written to can make them, a snapshot of that comes. The
 * volumes wait for it, instead of being filled from the store.
 */
export const announceSnapshot = (world: World, draft: Draft): void => {
  const { keeping } = world
  if (keeping === undefined || writtenClaim(world) === undefined) return
  draft.status.snapshots = [{ class: keeping.snapshotClass, name: nameOf(world), ready: false }]
}

const giveUp = (world: World, draft: Draft, why: string, snapshot?: Snapshot): 'idle' => {
  const name = nameOf(world)
  const message = `VolumeSnapshot ${name} is given up: ${why}. The next volume of this version is filled from the store.`
  tell(world, draft, 'Warning', 'SnapshotUnusable', message)
  const rest = (draft.status.snapshots ?? []).filter((one) => one.name !== name)
  if (rest.length > 0) draft.status.snapshots = rest
  else delete draft.status.snapshots
  if (snapshot !== undefined) {
    const { namespace, uid } = snapshot.metadata
    draft.plan.live = true
    draft.plan.delete.push({ kind: VolumeSnapshot, name, ...(namespace && { namespace }), ...(uid && { uid }) })
  }
  return 'idle'
}

const later = (draft: Draft): 'pending' => {
  lookAgainIn(draft, pollMs)
  return 'pending'
}

const cut = (world: World, draft: Draft): 'pending' | 'idle' => {
  const { version, keeping, pods, movers, jobs, snapshots } = world
  const claim = writtenClaim(world)
  if (claim === undefined || keeping === undefined)
    return giveUp(world, draft, 'the claim that was written to is gone, or goes')
  const { name } = claim.metadata
  const writer = pods.find((pod) => !hasEnded(pod))
  if (writer !== undefined) return giveUp(world, draft, `pod ${writer.metadata.name} uses claim ${name} again`)
  // Quiet: its mover is gone with its pod, and no node has it any more.
  const reads = jobs.some(
    ({ metadata }) => attemptOf(metadata.name, 'Finalize', version.metadata.uid ?? '') !== undefined,
  )
  if (reads || movers.some((pod) => claimNamesOf(pod).includes(name)) || keeping.attached) return later(draft)
  draft.plan.live = true
  draft.plan.create.push(
    versionSnapshot({
      version,
      claimName: name,
      forClaim: `${version.metadata.namespace}/${nameOf(world)}`,
      snapshotClass: keeping.snapshotClass,
      others: snapshots,
    }),
  )
  return later(draft)
}

/**
 * After the commit: the volume that was written to is snapshotted as soon as it is quiet, so that the next reader needs no download. Whoever restores
 * it checks every file, whatever became of the volume in between. `pending`: the claim is still needed.
 */
export const keepSnapshot = (world: World, draft: Draft): 'pending' | 'idle' => {
  const { version, now, snapshots } = world
  if (version.metadata.deletionTimestamp !== undefined) return 'idle'
  const name = nameOf(world)
  const snapshot = snapshots.find(({ metadata }) => metadata.name === name)
  if (snapshot !== undefined && isCut(snapshot)) return 'idle'
  if (!announcedFor(version, now)) return 'idle'
  if (snapshot === undefined) return cut(world, draft)
  const age = now - Date.parse(snapshot.metadata.creationTimestamp ?? '')
  const error = snapshot.status?.error?.message
  if (error !== undefined && age > errorPatience) return giveUp(world, draft, error, snapshot)
  return later(draft)
}
