import { moverAccess } from '../../../desired/location.ts'
import { hasEnded } from '../../../desired/objects.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, type Step } from './draft.ts'
import { cleanUp, follow, reasonOf } from './mover.ts'
import { isSame, statusOf, storeOf } from './store.ts'
import { sweepSpec } from './sweep-spec.ts'
import { isOpenOutput } from './wanted.ts'

/** A store that does not answer is tried for so long after the deletion, ms. */
const patience = 900_000
/** Anything else that keeps the bytes from going (credentials, the bucket) is tried so often. */
const tries = 3

/** Whether the bytes are to go with the Dataset, and there may be some. */
export const wantsDestruction = ({ spec, dataset, alias }: World): boolean =>
  alias === undefined && spec.deletionPolicy === 'Delete' && (dataset.status?.nextSequence ?? 1) > 1

/** Pods that use what the Dataset has. */
export const podsInUse = (world: World): string[] =>
  world.contentPods
    .filter((pod) => !hasEnded(pod))
    .map(({ metadata }) =>
      metadata.namespace === world.dataset.metadata.namespace
        ? metadata.name
        : `${metadata.namespace}/${metadata.name}`,
    )

/** `done`: nothing is left in the store. A sentence: why the bytes stay, because a Dataset never waits for a store, a secret or a namespace that is gone. */
export const destruction = (world: World): 'done' | 'pending' | { kept: string } => {
  const { lastSweep, store: settled } = world.dataset.status ?? {}
  if (lastSweep?.result === 'Deleted') return 'done'
  if (world.isNamespaceLeaving) return { kept: 'the namespace is being deleted' }
  const store = storeOf(world)
  if (world.problem !== undefined) return { kept: world.problem }
  if (!('location' in store)) return { kept: store.message }
  if (settled && !isSame(settled, statusOf(store.location))) return { kept: 'the store is another one now' }
  if (lastSweep?.everything !== true || (lastSweep.failures ?? 0) < tries) return 'pending'
  const since = world.now - Date.parse(world.dataset.metadata.deletionTimestamp ?? '')
  if (lastSweep.result === 'Unreachable' && since < patience) return 'pending'
  return { kept: `the store could not be cleared (${lastSweep.result})` }
}

/** Removes everything from the store of a Dataset that is deleted with its bytes, once nothing writes to it or reads from it. */
export const destroy: Step = (world, draft) => {
  if (world.dataset.metadata.deletionTimestamp === undefined || !wantsDestruction(world)) return undefined
  if (world.versions.some(isOpenOutput) || podsInUse(world).length > 0 || destruction(world) !== 'pending') {
    lookAgainAt(world, draft, world.now + 5000)
    return 'stop'
  }
  const last = draft.status.lastSweep ?? {}
  const isUnderWay = last.startedAt !== undefined && last.finishedAt === undefined && last.everything === true
  if (isUnderWay) run(world, draft)
  else if (last.nextRetryAt !== undefined && last.everything && Date.parse(last.nextRetryAt) > world.now)
    lookAgainAt(world, draft, Date.parse(last.nextRetryAt))
  else {
    cleanUp(world, draft, 'Sweep')
    const { attempt = 0, failures = 0, everything } = last
    draft.status.lastSweep = {
      attempt: attempt + 1,
      startedAt: isoTime(world.now),
      quiet: true,
      everything: true,
      ...(everything === true && failures > 0 ? { failures } : {}),
    }
  }
  return 'stop'
}

const run = (world: World, draft: Draft): void => {
  const last = draft.status.lastSweep ?? {}
  const store = storeOf(world)
  if (!('location' in store)) return
  const access = moverAccess('store', store.location)
  const now = follow(world, draft, {
    spec: { ...sweepSpec(world, draft, access.location, last), tombstones: [], restore: [], everything: true },
    number: last.attempt ?? 1,
    failures: last.failures ?? 0,
    locations: [access],
  })
  if (now.state === 'create') draft.plan.live = true
  if (now.state === 'done' && now.result.op === 'Sweep') {
    const { objects, bytes, more } = now.result
    const result = more ? 'Done' : 'Deleted'
    const { failures: _, ...rest } = last
    draft.status.lastSweep = { ...rest, objects, bytes, finishedAt: isoTime(world.now), result }
  }
  if (now.state === 'failed')
    draft.status.lastSweep = {
      ...last,
      failures: (last.failures ?? 0) + 1,
      finishedAt: isoTime(world.now),
      nextRetryAt: isoTime(now.retryAt + 999),
      result: reasonOf(now.reason),
    }
}
