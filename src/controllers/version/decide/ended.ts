import { findCondition } from '../../../api/conditions.ts'
import { Claim } from '../../../api/kinds.ts'
import { annotations, finalizers } from '../../../api/names.ts'
import { hasEnded } from '../pods.ts'
import type { World } from '../world.ts'
import { isOwnClaim } from './claims.ts'
import { commit } from './commit.ts'
import { describeCopies } from './copies.ts'
import { type Draft, enter, lookAgainIn, reconciling, type Step, say, unsay } from './draft.ts'
import { guardCommitted, unguard } from './guard.ts'
import { keepSnapshot } from './keep-snapshot.ts'
import { mirror } from './mirror.ts'
import { stopMovers } from './move.ts'
import { isVerifying, verificationWanted, verify } from './verify.ts'
import { dropWorkspaceCopy } from './workspace.ts'

interface Entry {
  digest: string
  root: string
  files: number
  bytes: number
  at: string
}

/** A version that was found in the store is committed from the start. */
export const takeOver: Step = (world, draft) => {
  const text = world.version.metadata.annotations?.[annotations.adopted]
  if (text === undefined || draft.status.phase === 'Committed') return undefined
  // Its number comes from the dataset controller first: the two are write-once together.
  if (world.version.status?.sequence === undefined) return undefined
  try {
    const entry = JSON.parse(text) as Entry
    commit(world, draft, entry, 'Taken over from the store.', entry.at)
    say(world, draft, { type: 'Ready', status: 'True', reason: 'Committed', message: 'Taken over from the store.' })
  } catch {
    reconciling(
      world,
      draft,
      'InvalidSpec',
      `The annotation ${annotations.adopted} can not be read: delete this version.`,
    )
  }
  return 'stop'
}

/** A claim that was made for this version goes when its bytes are in the store, or nobody wants them, and no pod is on it. */
const dropOwnClaim = (world: World, draft: Draft): void => {
  const { claim } = world
  if (claim === undefined || claim.metadata.deletionTimestamp !== undefined || !isOwnClaim(world, claim)) return
  if (world.pods.some((pod) => !hasEnded(pod))) return
  const { name, namespace, uid } = claim.metadata
  draft.plan.live = true
  draft.plan.delete.push({
    kind: Claim,
    name,
    ...(namespace === undefined ? {} : { namespace }),
    ...(uid === undefined ? {} : { uid }),
  })
}

const sayShadowed = (world: World, draft: Draft): void => {
  const own = world.version.status?.version
  const shadowed = (world.spec.tags ?? []).filter((tag) => {
    const declared = world.datasetSpec?.tags?.[tag]
    return declared !== undefined && declared !== own
  })
  if (shadowed.length === 0) {
    unsay(draft, 'TagShadowed')
    return
  }
  const message = `spec.tags of Dataset ${world.spec.dataset} says where ${shadowed.join(', ')} points.`
  say(world, draft, { type: 'TagShadowed', status: 'True', reason: 'TagShadowed', message })
}

/** A version's movers come one after the other: the mirror first, unless a verification has begun. */
const moveOn = (
  world: World,
  draft: Draft,
): { mirrored: 'done' | 'pending' | 'idle'; verified: 'pending' | 'idle' } => {
  if (world.version.metadata.deletionTimestamp !== undefined) return { mirrored: 'idle', verified: 'idle' }
  if (isVerifying(world.version.status)) return { mirrored: 'idle', verified: verify(world, draft) }
  const mirrored = mirror(world, draft)
  const isFree = mirrored !== 'pending' || (world.jobs.length === 0 && draft.plan.create.length === 0)
  const verified = isFree && verificationWanted(world) ? verify(world, draft) : 'idle'
  return { mirrored, verified }
}

const sayReady = (world: World, draft: Draft): void => {
  const damage = findCondition(draft.status.conditions, 'Degraded')
  if (damage?.reason === 'Corrupt') {
    say(world, draft, { type: 'Ready', status: 'False', reason: 'Corrupt', message: damage.message })
    return
  }
  const message = `${world.version.status?.version} of ${world.spec.dataset} is in the store for good.`
  say(world, draft, { type: 'Ready', status: 'True', reason: 'Committed', message })
}

/** After the commit: what is left of the way there goes, and the version is mirrored where that is asked for. */
export const afterCommit: Step = (world, draft) => {
  if (world.version.status?.phase !== 'Committed') return undefined
  sayShadowed(world, draft)
  const snapshot = keepSnapshot(world, draft)
  describeCopies(world, draft)
  const { mirrored, verified } = moveOn(world, draft)
  if (mirrored !== 'pending') {
    if (verified !== 'pending') stopMovers(world, draft)
    unsay(draft, 'Reconciling')
    unsay(draft, 'Stalled')
    sayReady(world, draft)
  }
  if (snapshot === 'idle') dropOwnClaim(world, draft)
  dropWorkspaceCopy(world, draft)
  guardCommitted(world, draft)
  return 'stop'
}

/** Failed, Abandoned, Expired: nothing more happens with it. */
export const afterEnd: Step = (world, draft) => {
  const { phase } = world.version.status ?? {}
  if (phase !== 'Failed' && phase !== 'Abandoned' && phase !== 'Expired') return undefined
  stopMovers(world, draft)
  const neverCommitted = phase === 'Expired' && world.version.status?.digest === undefined
  if (phase === 'Abandoned' || neverCommitted) dropOwnClaim(world, draft)
  dropWorkspaceCopy(world, draft)
  if (phase !== 'Expired' || neverCommitted) unguard(world, draft)
  return 'stop'
}

/**
 * Whether nothing would be lost with the object. In a namespace that is being deleted nothing can be committed: it stays until the claim
 * controller has taken the bytes, and with them what it says of them, elsewhere.
 */
const mayGo = (world: World): boolean => {
  const { status } = world.version
  if (status?.firstUsedAt === undefined && world.spec.committed !== true) return true
  const isDying = world.namespace === undefined || world.namespace.metadata.deletionTimestamp !== undefined
  if (!isDying) return status?.phase === 'Uncommitted' && world.spec.committed !== true
  return world.claim?.metadata.finalizers?.includes(finalizers.finalize) !== true && world.jobs.length === 0
}

/** A version that is deleted while it is open: bytes that are to be committed are committed first. */
export const leave: Step = (world, draft) => {
  if (world.version.metadata.deletionTimestamp === undefined) return undefined
  if (!mayGo(world)) {
    const message = `Its bytes are committed first; to drop them, annotate it with ${annotations.abandon}: ${world.version.metadata.uid}.`
    say(world, draft, { type: 'DeletionBlocked', status: 'True', reason: 'DeletionBlocked', message })
    return undefined
  }
  draft.plan.live = true
  if (stopMovers(world, draft)) return 'stop'
  if (world.version.status?.sequence !== undefined && world.version.status.phase !== 'Uncommitted')
    enter(world, draft, 'Abandoned', 'Deleted before anything was written to it.')
  lookAgainIn(draft, 1_000)
  unguard(world, draft)
  return 'stop'
}
