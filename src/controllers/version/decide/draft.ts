import { type ConditionUpdate, findCondition, removeCondition, setCondition } from '../../../api/conditions.ts'
import type { Phase } from '../../../api/dataset-version.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import type { EventSpec, Plan } from '../../../kube/types.ts'
import type { OwnStatus, World } from '../world.ts'

/** What the steps fill in, one after the other. */
export interface Draft {
  /** The next status, without what the dataset controller writes. */
  status: OwnStatus
  /** The object goes with this plan. */
  goes?: boolean
  plan: Required<Pick<Plan, 'create' | 'patch' | 'delete' | 'events'>> & Pick<Plan, 'requeueAfter' | 'live'>
}

/** One step of the decision. `stop`: the steps after it wait for the next round. */
export type Step = (world: World, draft: Draft) => 'stop' | undefined

export const isoTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

const ownStatus = (world: World): OwnStatus => {
  const { sequence: _1, version: _2, openedAt: _3, parent: _4, ...own } = world.version.status ?? {}
  return own
}

export const newDraft = (world: World): Draft => ({
  status: structuredClone(ownStatus(world)),
  plan: { create: [], patch: [], delete: [], events: [] },
})

/** The plan asks for another look in `ms` at the latest. */
export const lookAgainIn = (draft: Draft, ms: number): void => {
  draft.plan.requeueAfter = Math.min(draft.plan.requeueAfter ?? Number.POSITIVE_INFINITY, Math.max(ms, 0))
}

export const tell = (world: World, draft: Draft, type: EventSpec['type'], reason: string, message: string): void => {
  draft.plan.events.push({ regarding: world.version, type, reason, message })
}

export const say = (world: World, draft: Draft, update: Omit<ConditionUpdate, 'observedGeneration'>): void => {
  const { generation } = world.version.metadata
  draft.status.conditions = setCondition(
    draft.status.conditions,
    { ...update, ...(generation === undefined ? {} : { observedGeneration: generation }) },
    world.now,
  )
}

export const unsay = (draft: Draft, type: string): void => {
  if (draft.status.conditions) draft.status.conditions = removeCondition(draft.status.conditions, type)
}

const isNews = (draft: Draft, type: string, reason: string): boolean =>
  findCondition(draft.status.conditions, type)?.reason !== reason

/** Granary is at work, or waits for something that comes by itself. */
export const reconciling = (world: World, draft: Draft, reason: ReasonName, message: string): void => {
  say(world, draft, { type: 'Ready', status: 'False', reason, message })
  say(world, draft, { type: 'Reconciling', status: 'True', reason, message })
  unsay(draft, 'Stalled')
}

/** Only a person can mend this; told once as an event. */
export const stalled = (world: World, draft: Draft, reason: ReasonName, message: string): void => {
  if (isNews(draft, 'Stalled', reason)) tell(world, draft, 'Warning', reason, message)
  say(world, draft, { type: 'Ready', status: 'False', reason, message })
  say(world, draft, { type: 'Stalled', status: 'True', reason, message })
  unsay(draft, 'Reconciling')
}

/** Not Ready, but nothing for Granary to do: the turn is somebody else's. */
export const resting = (world: World, draft: Draft, reason: ReasonName, message: string): void => {
  say(world, draft, { type: 'Ready', status: 'False', reason, message })
  unsay(draft, 'Reconciling')
  unsay(draft, 'Stalled')
}

/** Goes into a phase, with an event on the way in. */
export const enter = (
  world: World,
  draft: Draft,
  phase: Phase,
  message: string,
  type: EventSpec['type'] = 'Normal',
): void => {
  if (draft.status.phase === phase) return
  draft.status.phase = phase
  tell(world, draft, type, phase, message)
}

/** The same JSON, whatever the order of keys. */
const sorted = (value: unknown): unknown => {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, one]) => one !== undefined)
      .sort(([a], [b]) => (a < b ? -1 : 1))
      .map(([key, one]) => [key, sorted(one)]),
  )
}
export const isSame = (a: unknown, b: unknown): boolean => JSON.stringify(sorted(a)) === JSON.stringify(sorted(b))

/** The plan, with the status only if it changed. */
export const finish = (world: World, draft: Draft): Plan => {
  const { generation, name, namespace, uid } = world.version.metadata
  if (generation !== undefined) draft.status.observedGeneration = generation
  const { requeueAfter, live, ...lists } = draft.plan
  const status = sorted(draft.status) as Record<string, unknown>
  const object = {
    apiVersion: world.version.apiVersion,
    kind: world.version.kind,
    metadata: {
      name,
      ...(namespace === undefined ? {} : { namespace }),
      ...(uid === undefined ? {} : { uid }),
    },
  }
  return {
    ...Object.fromEntries(Object.entries(lists).filter(([, list]) => list.length > 0)),
    ...(draft.goes === true || isSame(status, ownStatus(world)) ? {} : { status: [{ object, status }] }),
    ...(requeueAfter === undefined ? {} : { requeueAfter }),
    ...(live === true ? { live } : {}),
  }
}
