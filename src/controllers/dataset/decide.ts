import type { Plan } from '../../kube/types.ts'
import { sameJson, withoutNothing } from '../../lib/equal.ts'
import { adopt } from './decide/adoption.ts'
import { followAlias } from './decide/alias.ts'
import { destroy } from './decide/destroy.ts'
import { type Draft, lookAgainAt, newDraft, type Step } from './decide/draft.ts'
import { keepWhileOpen } from './decide/finalizer.ts'
import { tellHistory } from './decide/history.ts'
import { importChanges } from './decide/imports.ts'
import { checkLimits } from './decide/limits.ts'
import { giveNumbers, settleReservations } from './decide/numbers.ts'
import { openOutputs } from './decide/outputs.ts'
import { buryDeleted, retain } from './decide/retention.ts'
import { keepShare, keepWhileShared, tellMounted } from './decide/share.ts'
import { settleStore } from './decide/store.ts'
import { keepStoreClaim } from './decide/store-claim.ts'
import { summarize } from './decide/summary.ts'
import { sweepStore } from './decide/sweep.ts'
import { sync } from './decide/sync.ts'
import { keepVolumes } from './decide/volumes.ts'
import type { World } from './world.ts'

const stopWhenLeaving: Step = (world) => (world.dataset.metadata.deletionTimestamp ? 'stop' : undefined)

/** In this order; the first that stops leaves the rest to a later round. */
const steps: Step[] = [
  tellHistory,
  keepShare,
  checkLimits,
  tellMounted,
  settleStore,
  keepStoreClaim,
  adopt,
  settleReservations,
  giveNumbers,
  buryDeleted,
  destroy,
  stopWhenLeaving,
  openOutputs,
  sync,
  importChanges,
  keepVolumes,
  retain,
  sweepStore,
]

/** The plan for one Dataset. Its status is written only if it changed, and only if nobody else wrote the Dataset since it was read: numbers must not race. */
export const decide = (world: World): Plan => {
  const first = keepWhileOpen(world) ?? keepWhileShared(world)
  if (first) return first
  const draft = newDraft(world)
  if (world.alias !== undefined && world.problem === undefined) followAlias(world, draft, world.alias)
  else for (const step of steps) if (step(world, draft) === 'stop') break
  summarize(world, draft)
  return planOf(world, draft)
}

/** Milliseconds until objects are made in a round of their own, if no event brings it earlier. */
const afterwards = 1000

const planOf = (world: World, draft: Draft): Plan => {
  const { apiVersion, kind, metadata } = world.dataset
  const { name, namespace = '', uid = '', resourceVersion = '' } = metadata
  const object = { apiVersion, kind, metadata: { name, namespace, uid, resourceVersion } }
  const own = sameJson(draft.status, world.dataset.status) ? [] : [{ object, status: withoutNothing(draft.status) }]
  const { plan } = draft
  const made = [...draft.make.versions, ...draft.make.movers, ...draft.make.claims]
  const status = [...plan.status, ...own]
  const first = status.length + plan.patch.length + plan.delete.length > 0
  if (first && made.length > 0) lookAgainAt(world, draft, world.now + afterwards)
  // A cache that is behind may still show a reservation whose version came and went.
  if (!first && draft.make.versions.length > 0) plan.live = true
  return withoutNothing({
    ...plan,
    status,
    create: first ? [] : made.map((one) => one.object),
    events: [...plan.events, ...(first ? [] : made.flatMap((one) => one.event ?? []))],
  }) as Plan
}
