import { ApiError } from '../../../src/kube/api-error.ts'
import { keyFor, keyOf, kindKey } from '../../../src/kube/kind-of.ts'
import type { Kind, KubeObject, Ref } from '../../../src/kube/types.ts'

export type Tree = Record<string, unknown>

export const idFor = (kind: Kind, namespace: string | undefined, name: string) =>
  `${kindKey(kind)}/${keyFor(namespace, name)}`

const plain = new Set(['ConfigMap', 'Secret', 'Event', 'Lease', 'StorageClass', 'ServiceAccount'])
export const hasStatus = (object: { kind: string }) => !plain.has(object.kind)
export const hasGeneration = (object: KubeObject) => object.apiVersion !== 'v1' && hasStatus(object)
export const firstStatus: Record<string, { status: unknown }> = {
  PersistentVolumeClaim: { status: { phase: 'Pending' } },
  PersistentVolume: { status: { phase: 'Pending' } },
  Pod: { status: { phase: 'Pending' } },
  Namespace: { status: { phase: 'Active' } },
}

/** What fields can be owned: neither identity nor what the server writes. */
export const withoutIdentity = (object: KubeObject | Tree): Tree => {
  const { apiVersion: _1, kind: _2, metadata, ...rest } = object as unknown as Tree & { metadata?: Tree }
  const { labels, annotations, finalizers, ownerReferences } = metadata ?? {}
  return { ...rest, metadata: { labels, annotations, finalizers, ownerReferences } }
}

/** The server names the object and the field. */
export const invalid = (object: KubeObject, field: string, message: string) =>
  new ApiError(422, {
    reason: 'Invalid',
    message,
    details: { name: object.metadata.name, kind: object.kind, causes: [{ message: `${field}: ${message}` }] },
  })
export const conflict = (message: string) => new ApiError(409, { reason: 'Conflict', message })
export const notFound = (ref: Ref) =>
  new ApiError(404, {
    reason: 'NotFound',
    message: `${ref.kind.plural} "${keyOf({ ...ref.kind, metadata: { name: ref.name } })}" not found`,
  })

/** The server leaves empty lists and maps out of the metadata. */
export const dropEmpty = (metadata: KubeObject['metadata']): void => {
  for (const key of ['labels', 'annotations', 'finalizers', 'ownerReferences'] as const) {
    if (metadata[key] && Object.keys(metadata[key]).length === 0) delete metadata[key]
  }
}

/** What stays the same when the same happens at another time. */
export const withoutTimes = (object: KubeObject): unknown => {
  const metadata = { ...object.metadata, resourceVersion: undefined, generation: undefined }
  return JSON.parse(
    JSON.stringify({ ...object, metadata }, (_, value) =>
      typeof value === 'string' && /^\d{4}-\d\d-\d\dT[\d:.]+Z$/.test(value) ? '<time>' : value,
    ),
  )
}
