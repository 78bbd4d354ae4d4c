import { formatBytes } from '../../../api/quantity.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import { attempt } from '../../../desired/attempt.ts'
import type { World } from '../world.ts'
import { claimNameOf } from './claims.ts'
import { commit } from './commit.ts'
import { type Draft, lookAgainIn, reconciling, type Step, say, stalled } from './draft.ts'
import { complain } from './import.ts'
import { intentOf, storedDataset } from './intent.ts'
import { announceSnapshot } from './keep-snapshot.ts'
import {
  attemptInput,
  follow,
  healsByItself,
  noteFailure,
  reasonOf,
  resultOf,
  retryLater,
  sentenceOf,
  stopMovers,
} from './move.ts'
import { storePlace } from './places.ts'
import { referredTo, runAsOf } from './reading.ts'
import { keepUncommitted, parentMoved } from './release.ts'

/** Failures that no further attempt can mend as long as the volume is as it is: a person decides. */
const needsDecision: readonly ReasonName[] = [
  'EmptyOutput',
  'CommitConflict',
  'InvalidKeys',
  'InvalidSpec',
  'PartConflict',
]

/** The claim that can be mounted now. */
const mountable = ({ claim, rescue, workspace }: World): string | undefined => {
  if (workspace?.copy !== undefined) return workspace.copy.metadata.name
  if (rescue?.status?.phase === 'Bound') return rescue.metadata.name
  return claim !== undefined && claim.metadata.deletionTimestamp === undefined ? claim.metadata.name : undefined
}

/** A claim that is being deleted takes no new pod: what has not begun to run yet is taken away, so that the claim can be replaced. */
const awaitRescue = (world: World, draft: Draft): void => {
  const state = attempt(attemptInput(world, 'Finalize', draft.status)).state
  if (state === 'waiting' && world.jobs.length > 0) {
    if (world.jobs.every((job) => job.metadata.deletionTimestamp === undefined))
      draft.status.attempt = (draft.status.attempt ?? 1) + 1
    stopMovers(world, draft)
  }
  reconciling(
    world,
    draft,
    'Rescued',
    `Claim ${claimNameOf(world)} is being deleted: waits until its bytes are on another claim.`,
  )
}

/** Where order matters, versions of a Dataset finalize one after the other, the lower number first. */
const mustWaitFor = (world: World): string | undefined => {
  const own = world.version.status?.sequence ?? 0
  return world.siblings.find(
    ({ spec, status }) =>
      status?.phase === 'Finalizing' &&
      (status.sequence ?? 0) < own &&
      (spec.expectedParent !== undefined || world.spec.expectedParent !== undefined),
  )?.metadata.name
}

const holdBack = (world: World, draft: Draft): boolean => {
  const moved = parentMoved(world)
  if (moved !== undefined) {
    draft.plan.live = true
    keepUncommitted(world, draft, moved.reason, moved.message)
    return true
  }
  const other = mustWaitFor(world)
  if (other === undefined) return false
  reconciling(world, draft, 'Finalizing', `Waits until ${other} is committed, as spec.expectedParent needs.`)
  lookAgainIn(draft, 5_000)
  return true
}

const isDying = (world: World): boolean => world.namespace?.metadata.deletionTimestamp !== undefined

/** Finalizing → Committed, by one mover that reads the volume as its writer could. */
export const finalize: Step = (world, draft) => {
  if (draft.status.phase !== 'Finalizing') return undefined
  const begun = attempt(attemptInput(world, 'Finalize', draft.status)).state
  const claimName = mountable(world)
  if (claimName === undefined && begun !== 'done' && begun !== 'running' && begun !== 'failed') {
    awaitRescue(world, draft)
    return 'stop'
  }
  if (isDying(world) && world.jobs.length === 0) {
    const message = 'The namespace is being deleted: the bytes are kept on a rescue claim in granary-rescue.'
    reconciling(world, draft, 'NamespaceTerminating', message)
    return 'stop'
  }
  if ((begun === 'create' || begun === 'waiting') && world.jobs.length === 0 && holdBack(world, draft)) return 'stop'
  const store = storePlace(world)
  if (!('access' in store)) {
    complain(world, draft, store)
    say(world, draft, { type: 'Finalized', status: 'False', reason: store.reason, message: store.message })
    return 'stop'
  }
  finalizeFrom(world, draft, store.access, claimName ?? claimNameOf(world))
  return 'stop'
}

/** `claimName` undefined: what the last checkpoint saved, without a volume. */
export const finalizeFrom = (
  world: World,
  draft: Draft,
  store: Extract<ReturnType<typeof storePlace>, { access: unknown }>['access'],
  claimName: string | undefined,
): void => {
  const base = referredTo(world)
  const path = world.spec.from?.claim?.path
  const now = follow(
    world,
    draft,
    {
      spec: {
        op: 'Finalize',
        dataset: storedDataset(world),
        store: store.location,
        intent: intentOf(world),
        ...(base === undefined ? {} : { base }),
        ...(world.datasetSpec?.outputs?.allowEmpty === true ? { allowEmpty: true } : {}),
        ...(claimName === undefined ? { checkpoint: true } : {}),
      },
      locations: [store],
      ...(claimName === undefined
        ? {}
        : {
            data: { claimName, readOnly: true, ...(path === undefined ? {} : { subPath: path }) },
            runAs: runAsOf(world),
          }),
    },
    draft.status,
  )
  const result = resultOf(now, 'Finalize')
  if (result !== undefined) {
    draft.plan.live = true
    const { files, bytes, uploaded } = result
    commit(
      world,
      draft,
      result,
      `${files} files, ${formatBytes(bytes)}, of which ${formatBytes(uploaded)} were uploaded.`,
    )
    if (claimName !== undefined) announceSnapshot(world, draft)
  }
  if (now?.state !== 'failed') return
  const reason = reasonOf(now)
  const message = sentenceOf(now)
  noteFailure(world, draft, 'Finalize', now)
  say(world, draft, { type: 'Finalized', status: 'False', reason, message })
  // The volume may be mended; what is lost of a checkpoint stays lost.
  if (needsDecision.includes(reason) || (claimName === undefined && reason === 'Corrupt')) {
    draft.status.attempt = (draft.status.attempt ?? 1) + 1
    keepUncommitted(world, draft, reason, message)
    return
  }
  retryLater(draft, draft.status, now)
  const announce = healsByItself(now) ? reconciling : stalled
  announce(world, draft, reason, message)
}
