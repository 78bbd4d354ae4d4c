import { annotations } from '../../../api/names.ts'
import { activeWriters } from '../users.ts'
import { claimNameOf } from './claims.ts'
import { type Step, say, stalled } from './draft.ts'
import { finalizeFrom } from './finalize.ts'
import { complain } from './import.ts'
import { stopMovers } from './move.ts'
import { storePlace } from './places.ts'
import { startFinalizing } from './release.ts'

/**
 * What the last checkpoint saved is committed because a person says so, by the version's uid: for a volume that is lost, with its node or without. What was written
 * after it is not in the version.
 */
export const commitCheckpoint: Step = (world, draft) => {
  const { annotations: said, uid } = world.version.metadata
  if (uid === undefined || said?.[annotations.commitCheckpoint] !== uid) return undefined
  const { phase, lastCheckpointAt, lastFailure, checkpoint } = draft.status
  const isOpen = phase === 'Running' || phase === 'Uncommitted' || phase === 'Finalizing'
  const isRefused = phase === 'Uncommitted' && lastFailure?.reason === 'Corrupt'
  if (!isOpen || isRefused || lastCheckpointAt === undefined) return undefined
  const [active] = activeWriters({ claim: claimNameOf(world), pods: world.pods })
  if (active !== undefined && checkpoint?.committing !== true) {
    const { name } = active.metadata
    stalled(
      world,
      draft,
      'WritersActive',
      `Commits the checkpoint of ${lastCheckpointAt} when pod ${name} is gone: delete it, with --force if its node is lost.`,
    )
    return 'stop'
  }
  draft.plan.live = true
  if (checkpoint?.committing !== true) {
    if (stopMovers(world, draft)) return 'stop'
    const { startedAt: _1, nextRetryAt: _2, failures: _3, ...kept } = checkpoint ?? {}
    draft.status.checkpoint = { ...kept, committing: true }
    draft.status.attempt = (draft.status.attempt ?? 1) + 1
    for (const field of ['nextRetryAt', 'lastFailure', 'progress'] as const) delete draft.status[field]
    startFinalizing(world, draft)
    return 'stop'
  }
  const store = storePlace(world)
  if ('access' in store) finalizeFrom(world, draft, store.access, undefined)
  else {
    complain(world, draft, store)
    say(world, draft, { type: 'Finalized', status: 'False', reason: store.reason, message: store.message })
  }
  return 'stop'
}
