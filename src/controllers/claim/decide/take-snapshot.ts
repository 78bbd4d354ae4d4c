import { VolumeSnapshot } from '../../../api/kinds.ts'
import { jobRef } from '../../../desired/attempt.ts'
import { annotate, sameObject } from '../../../desired/json-patch.ts'
import { isCut, type Snapshot, versionSnapshot } from '../../../desired/snapshot.ts'
import { strategyOf } from '../../../desired/strategy.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { accessOf, claimRef, isLeaving, resolvedOf } from './facts.ts'
import { filledAnnotation, isFilled } from './fill.ts'
import { snapshotClassOf, snapshotOf, versionOf } from './strategy.ts'

/** How long the hand-over waits for a snapshot to be cut, ms. */
const patience = 120_000
/** So long a snapshot that says it failed may still come: controllers try again. */
const errorPatience = 20_000

/** More than one reader of this version is to be expected: its Dataset keeps volumes, or another claim of it is there. */
const isWanted = (world: World): boolean => {
  const { claim, source, twins } = world
  if ('missing' in source || accessOf(claim) !== 'ReadOnly') return false
  return source.dataset.spec.volume !== undefined || twins.length > 0
}

/** Whether this claim's verified volume is to be snapshotted before it is handed over. */
const isDue = (world: World): boolean => {
  const { claim, prime, source } = world
  if (prime === undefined || 'missing' in source || resolvedOf(claim)?.content === undefined) return false
  // What was restored has a snapshot.
  if (strategyOf(prime)?.used === 'Snapshot' || !isWanted(world)) return false
  const version = versionOf(world)
  return version?.status?.phase === 'Committed' && !isLeaving(version) && snapshotClassOf(world) !== undefined
}

const giveUp = (world: World, snapshot: Snapshot, why: string): Plan => {
  const { name, namespace, uid } = snapshot.metadata
  const message = `VolumeSnapshot ${name} is given up: ${why}. The claim does without; the next one is filled from the store.`
  return {
    live: true,
    delete: [{ kind: VolumeSnapshot, name, ...(namespace && { namespace }), ...(uid && { uid }) }],
    patch: [note(world, 'none')],
    events: [{ regarding: world.claim, type: 'Warning', reason: 'SnapshotUnusable', message }],
  }
}

const note = ({ prime }: World, value: string): NonNullable<Plan['patch']>[number] => ({
  ref: claimRef(prime!),
  ops: [sameObject(prime!), ...annotate(prime!, { [filledAnnotation]: value })],
})

/** Cut while nothing can write: the mover's pod is gone and the volume attached nowhere. */
const cut = (world: World): Plan => {
  const { claim, prime, jobs, movers, attached, snapshots } = world
  const running = jobs.flatMap(jobRef)
  if (running.length > 0) return { live: true, delete: running }
  if (jobs.length > 0 || movers.length > 0 || attached) return { requeueAfter: 1_000 }
  const version = versionOf(world)!
  return {
    live: true,
    create: [
      versionSnapshot({
        version,
        claimName: prime!.metadata.name,
        forClaim: `${claim.metadata.namespace}/${claim.metadata.name}`,
        snapshotClass: snapshotClassOf(world)!.metadata.name,
        others: snapshots,
      }),
    ],
  }
}

/**
 * Between the check of a filled volume and its hand-over: a snapshot of it, where others will want the same bytes. Nobody else can use the volume
 * yet, so it is quiet as soon as its mover is gone.
 */
export const takeSnapshot = (world: World): Plan | undefined => {
  const { prime, now } = world
  if (prime === undefined || !isFilled(world) || !isDue(world)) return undefined
  const filled = prime.metadata.annotations?.[filledAnnotation]
  if (filled === 'none') return undefined
  const snapshot = snapshotOf(world)
  const isOurs = snapshot?.spec.source.persistentVolumeClaimName === prime.metadata.name
  if (snapshot !== undefined && !isOurs) return undefined
  // Written down before the mover that says so goes.
  if (filled === undefined) return { patch: [note(world, resolvedOf(world.claim)?.digest ?? '')] }
  if (snapshot === undefined) return cut(world)
  if (isCut(snapshot)) return undefined
  const age = now - Date.parse(snapshot.metadata.creationTimestamp ?? '')
  const error = snapshot.status?.error?.message
  if (error !== undefined && age > errorPatience) return giveUp(world, snapshot, error)
  if (age > patience) return giveUp(world, snapshot, `it was not cut within ${patience / 1000} s`)
  return { requeueAfter: 2_000 }
}
