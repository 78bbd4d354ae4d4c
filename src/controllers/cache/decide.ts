import { type ConditionUpdate, setCondition } from '../../api/conditions.ts'
import type { VolumeCache } from '../../api/volume-cache.ts'
import type { Plan } from '../../kube/types.ts'
import { sameJson } from '../../lib/equal.ts'

export interface World {
  /** Milliseconds since 1970. */
  now: number
  cache: VolumeCache
}

const message =
  'Not supported yet: VolumeCache. Pods get their inputs from claims of their own; spec.volume of a Dataset keeps versions ready.'

/** A VolumeCache may be declared already; what it says is that nothing comes of it yet. */
export const decide = ({ now, cache }: World): Plan => {
  const { name, namespace = '', uid = '', resourceVersion = '', generation } = cache.metadata
  const say = (type: string, status: ConditionUpdate['status']): ConditionUpdate => ({
    type,
    status,
    reason: 'Unsupported',
    message,
    ...(generation === undefined ? {} : { observedGeneration: generation }),
  })
  const conditions = [say('Ready', 'False'), say('Stalled', 'True')].reduce(
    (list, update) => setCondition(list, update, now),
    cache.status?.conditions ?? [],
  )
  const status = { ...cache.status, observedGeneration: generation, conditions }
  if (sameJson(status, cache.status)) return {}
  const metadata = { name, namespace, uid, resourceVersion }
  return { status: [{ object: { apiVersion: cache.apiVersion, kind: cache.kind, metadata }, status }] }
}
