import { labels } from '../api/names.ts'
import { TerminalError } from '../lib/errors.ts'
import { isApiError } from './api-error.ts'
import type { KubeClient } from './client.ts'
import type { EventRecorder } from './events.ts'
import { describeRef, refOf } from './kind-of.ts'
import type { KubeObject, ObjectMeta, Plan } from './types.ts'

export interface ApplyDeps {
  client: KubeClient
  recorder: EventRecorder
  /** Field manager of server-side applies. */
  fieldManager: string
}

/** What a plan wrote: the objects as the API server answered them, so that the next look can wait until the caches have them. */
export type Written = KubeObject[]

/**
 * Carries a plan out: create, apply, patch, delete, status, events, each in the order of its list. Rejects at the first failure; `written` has what went before.
 * Running it again with the same plan does no harm.
 */
export const applyPlan = async (deps: ApplyDeps, plan: Plan, written: Written = []): Promise<Written> => {
  const { client, recorder, fieldManager } = deps
  for (const object of plan.create ?? []) written.push(await createOnce(deps, object))
  for (const object of plan.apply ?? []) written.push(await client.apply(object, fieldManager))
  for (const { ref, ops } of plan.patch ?? []) written.push(await client.patch(ref, ops, { fieldManager }))
  for (const ref of plan.delete ?? []) {
    if (ref.uid === undefined) throw new Error(`will not delete ${describeRef(ref)} without its uid`)
    await ignoreNotFound(client.delete({ ...ref, uid: ref.uid }))
  }
  for (const { object, status } of plan.status ?? []) {
    written.push(await client.applyStatus(object, status, fieldManager))
  }
  for (const event of plan.events ?? []) recorder.record(event)
  return written
}

const createOnce = async ({ client, recorder, fieldManager }: ApplyDeps, object: KubeObject): Promise<KubeObject> => {
  try {
    return await client.create(object, { fieldManager })
  } catch (error) {
    if (isApiError(error, (e) => e.isAlreadyExists)) {
      const existing = await client.get(refOf({ ...object, metadata: { ...object.metadata, uid: '' } }))
      if (hasSameOwner(existing.metadata, object.metadata)) return existing
      const sentence = `${describeRef(refOf(object))} exists and is not ours: rename or delete it`
      complain(recorder, object, 'NameTaken', sentence)
      throw new TerminalError('NameTaken', sentence, { cause: error })
    }
    if (isApiError(error, (e) => (e.isForbidden && !e.isNamespaceTerminating) || e.isInvalid)) {
      complain(
        recorder,
        object,
        /exceeded quota/.test(error.message) ? 'QuotaExceeded' : 'CreateRefused',
        error.message,
      )
    }
    throw error
  }
}

const hasSameOwner = (existing: ObjectMeta, wanted: ObjectMeta): boolean => {
  // An owner in another namespace can't be referenced, the label says it as well.
  const label = wanted.labels?.[labels.ownerUid]
  if (label !== undefined && existing.labels?.[labels.ownerUid] === label) return true
  const owners = new Set(wanted.ownerReferences?.map((owner) => owner.uid))
  return existing.ownerReferences?.some((owner) => owners.has(owner.uid)) ?? false
}

/** A refused child is told on its owner, where people look. */
const complain = (recorder: EventRecorder, object: KubeObject, reason: string, message: string) => {
  const owner = object.metadata.ownerReferences?.[0]
  if (!owner) return
  const { namespace } = object.metadata
  const metadata = { name: owner.name, uid: owner.uid, ...(namespace ? { namespace } : {}) }
  const regarding = { apiVersion: owner.apiVersion, kind: owner.kind, metadata }
  recorder.record({ regarding, type: 'Warning', reason, message })
}

const ignoreNotFound = async (call: Promise<void>) => {
  try {
    await call
  } catch (error) {
    if (!isApiError(error, (e) => e.isNotFound)) throw error
  }
}
