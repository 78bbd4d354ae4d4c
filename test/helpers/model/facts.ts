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

export const conflict = (message: string) => new ApiError(409, { reason: 'Conflict', message })
export const notFound = (ref: Ref) =>
  new ApiError(404, {
    reason: 'NotFound',
    message: `${ref.kind.plural} "${keyOf({ ...ref.kind, metadata: { name: ref.name } })}" not found`,
  })
