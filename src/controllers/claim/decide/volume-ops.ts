import { annotations } from '../../../api/names.ts'
import { annotate, sameObject, unchanged } from '../../../desired/json-patch.ts'
import { type Claim, handedOverAnnotation, rescuedAnnotation, type Volume } from '../../../desired/volumes.ts'
import type { JsonPatchOp } from '../../../kube/types.ts'

/** Keeps the volume whatever happens to its claims, and remembers what its policy was. */
export const retain = (volume: Volume): JsonPatchOp[] => {
  const policy = volume.spec.persistentVolumeReclaimPolicy ?? 'Delete'
  const known = volume.metadata.annotations?.[annotations.reclaimPolicy]
  return [
    ...annotate(volume, { [annotations.reclaimPolicy]: known ?? policy }),
    ...(policy === 'Retain'
      ? []
      : [{ op: 'replace' as const, path: '/spec/persistentVolumeReclaimPolicy', value: 'Retain' }]),
  ]
}

/** The policy as it was, our annotations off; nothing if we hold no policy of it. */
export const letGo = (volume: Volume): JsonPatchOp[] => {
  const policy = volume.metadata.annotations?.[annotations.reclaimPolicy]
  if (policy === undefined) return []
  return [
    sameObject(volume),
    { op: 'replace', path: '/spec/persistentVolumeReclaimPolicy', value: policy },
    ...annotate(volume, {
      [annotations.reclaimPolicy]: undefined,
      [handedOverAnnotation]: undefined,
      [rescuedAnnotation]: undefined,
    }),
  ]
}

/** One patch: the volume is kept, and belongs to another claim from now on. Refused unless it still belongs to `from`. */
export const swap = (
  volume: Volume,
  from: Claim,
  to: Claim,
  now: number,
  more: Record<string, string | undefined> = {},
): JsonPatchOp[] => {
  const notes = annotate(volume, {
    ...more,
    [annotations.reclaimPolicy]:
      volume.metadata.annotations?.[annotations.reclaimPolicy] ?? volume.spec.persistentVolumeReclaimPolicy ?? 'Delete',
    [handedOverAnnotation]: new Date(now).toISOString(),
  })
  return [
    unchanged(volume),
    { op: 'test', path: '/spec/claimRef/uid', value: from.metadata.uid },
    ...notes,
    { op: 'replace', path: '/spec/persistentVolumeReclaimPolicy', value: 'Retain' },
    {
      op: 'replace',
      path: '/spec/claimRef',
      value: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        namespace: to.metadata.namespace,
        name: to.metadata.name,
        uid: to.metadata.uid,
      },
    },
  ]
}
