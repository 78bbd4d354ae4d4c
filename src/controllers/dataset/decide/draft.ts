import { type ConditionUpdate, removeCondition, setCondition } from '../../../api/conditions.ts'
import type { DatasetStatus } from '../../../api/dataset.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import type { EventSpec, KubeObject, Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'

export interface Why {
  reason: ReasonName
  message: string
}

export interface Make {
  object: KubeObject
  event?: EventSpec
}

/** What the steps fill in, one after the other. */
export interface Draft {
  /** The next status of the Dataset. */
  status: DatasetStatus
  /**
   * Objects to make, with what is said about it. They are made in a round of their own, when there is nothing else to write: so a
   * refused one (a quota, an admission policy) holds up nothing that the Dataset decides. The most important come first: a refusal ends the round.
   */
  make: { versions: Make[]; movers: Make[]; claims: Make[] }
  /** The rest of the plan, without the Dataset's own status. */
  plan: Required<Pick<Plan, 'patch' | 'delete' | 'status' | 'events'>> & Pick<Plan, 'requeueAfter' | 'live'>
  /** Why no version may open now. */
  held?: Why
  /** What only the user can mend. */
  stalled?: Why
  /** The share is there as a claim: what is said of it. */
  mounted?: string
  /** Which declared tags name no committed version. */
  tagTargetMissing?: string
}

/** One step of the decision. `stop`: the steps after it wait for the next round. */
export type Step = (world: World, draft: Draft) => 'stop' | undefined

export const newDraft = (world: World): Draft => ({
  status: structuredClone(world.dataset.status ?? {}),
  make: { versions: [], movers: [], claims: [] },
  plan: { patch: [], delete: [], status: [], events: [] },
})

export const isoTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** The plan asks for another look at `at` (ms since 1970) at the latest. */
export const lookAgainAt = (world: World, draft: Draft, at: number): void => {
  const after = Math.max(at - world.now, 0)
  draft.plan.requeueAfter = Math.min(draft.plan.requeueAfter ?? Number.POSITIVE_INFINITY, after)
}

/** Sets a condition of the Dataset. */
export const say = (world: World, draft: Draft, next: Omit<ConditionUpdate, 'observedGeneration'>): void => {
  const { generation } = world.dataset.metadata
  draft.status.conditions = setCondition(
    draft.status.conditions,
    { ...next, ...(generation === undefined ? {} : { observedGeneration: generation }) },
    world.now,
  )
}

export const unsay = (draft: Draft, type: string): void => {
  draft.status.conditions = removeCondition(draft.status.conditions, type)
}

/** An event on the Dataset. */
export const tell = (world: World, draft: Draft, event: Omit<EventSpec, 'regarding'>): void => {
  draft.plan.events.push({ regarding: world.dataset, ...event })
}
