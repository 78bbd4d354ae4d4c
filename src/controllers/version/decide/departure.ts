import { formatDuration } from '../../../api/duration.ts'
import { usersOf } from '../../../desired/in-use.ts'
import type { World } from '../world.ts'
import { type Draft, enter, lookAgainIn, resting, type Step, say, tell, unsay } from './draft.ts'
import { unguard } from './guard.ts'
import { stopMovers } from './move.ts'

/** Users that are no objects of ours make no event here: looked at again after so long, ms. */
const pollMs = 10_000
const mostNamed = 5

const tombstoneOf = ({ dataset, version }: World) =>
  dataset?.status?.tombstones?.find(({ sequence }) => sequence === version.status?.sequence)

/** Nothing is recorded any more for a Dataset or a namespace that goes itself: its bytes stay, or go with all of it. */
const isOrphan = ({ dataset, namespace }: World): boolean =>
  dataset === undefined ||
  dataset.metadata.deletionTimestamp !== undefined ||
  namespace === undefined ||
  namespace.metadata.deletionTimestamp !== undefined

/** What keeps the version from going, in words. */
export const versionUsers = ({ version, spec, contentClaims, contentPods, siblings }: World): string[] =>
  usersOf({
    dataset: `${version.metadata.namespace}/${spec.dataset}`,
    sequence: version.status?.sequence ?? 0,
    claims: contentClaims,
    pods: contentPods,
    versions: siblings,
  })

const letGo = (world: World, draft: Draft): 'stop' => {
  draft.plan.live = true
  if (stopMovers(world, draft)) return 'stop'
  unguard(world, draft)
  return 'stop'
}

const block = (world: World, draft: Draft, users: string[]): 'stop' => {
  const named = users.slice(0, mostNamed).join(', ')
  const more = users.length > mostNamed ? `, and ${users.length - mostNamed} more` : ''
  const message = `In use by ${named}${more}: it goes when they have gone.`
  const before = draft.status.conditions?.find(({ type }) => type === 'DeletionBlocked')
  if (before?.message !== message) tell(world, draft, 'Warning', 'DeletionBlocked', message)
  say(world, draft, { type: 'DeletionBlocked', status: 'True', reason: 'DeletionBlocked', message })
  say(world, draft, { type: 'InUse', status: 'True', reason: 'InUse', message })
  lookAgainIn(draft, pollMs)
  return 'stop'
}

/**
 * A committed version that is being deleted: it waits for its users alone. When there are none it is Deleting for good; when its Dataset has written that
 * down it goes. Needs no store, no secret, and no Dataset that is not there.
 */
export const depart: Step = (world, draft) => {
  const { phase, digest } = world.version.status ?? {}
  if (world.version.metadata.deletionTimestamp === undefined || digest === undefined) return undefined
  if (phase === 'Expired') return letGo(world, draft)
  if (phase !== 'Committed' && phase !== 'Deleting') return undefined
  if (isOrphan(world) || (phase === 'Deleting' && tombstoneOf(world) !== undefined)) return letGo(world, draft)
  if (phase === 'Deleting') {
    lookAgainIn(draft, pollMs)
    return 'stop'
  }
  const users = versionUsers(world)
  if (users.length > 0) return block(world, draft, users)
  draft.plan.live = true
  for (const type of ['DeletionBlocked', 'InUse', 'Reconciling', 'Stalled']) unsay(draft, type)
  const message = 'Nothing uses it any more: it can be restored until its grace is over.'
  enter(world, draft, 'Deleting', message)
  resting(world, draft, 'Deleting', message)
  return 'stop'
}

/** A version that a person made stays as an object when its bytes go, and comes back with them. */
export const expire: Step = (world, draft) => {
  const { phase, digest, version } = world.version.status ?? {}
  const tombstone = tombstoneOf(world)
  if (phase === 'Committed' && digest !== undefined && tombstone !== undefined) {
    const left = formatDuration(Math.max(Date.parse(tombstone.until) - world.now, 0))
    const message = `Its bytes go at ${tombstone.until} (in ${left}); until then: granary.dev/restore: ${version} on Dataset ${world.spec.dataset}.`
    enter(world, draft, 'Expired', message)
    resting(world, draft, 'Expired', message)
    return 'stop'
  }
  const isBack = world.dataset?.status?.restored?.some((one) => one.version === version) ?? false
  if (phase !== 'Expired' || digest === undefined || tombstone !== undefined || !isBack) return undefined
  enter(world, draft, 'Committed', 'It was restored.')
  return 'stop'
}
