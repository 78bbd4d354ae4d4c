import type { KubeObject } from '../api/meta.ts'
import { finalizers, rescueName } from '../api/names.ts'
import { childLabels } from './labels.ts'
import { type Claim, forClaimAnnotation, rescuedAnnotation, type Volume } from './volumes.ts'

/** What a commit needs to know of bytes whose claim, and perhaps whose namespace, is gone. No secret. */
export interface Rescued {
  namespace: string
  dataset: string
  datasetUid?: string | undefined
  /** The DatasetVersion. */
  name: string
  uid?: string | undefined
  phase?: string | undefined
  sequence?: number | undefined
  openedAt?: string | undefined
  parent?: number | undefined
  base?: { sequence: number; digest: string; root: string } | undefined
  message?: string | undefined
  tags?: string[] | undefined
  writer?: object | undefined
  producedBy?: Record<string, string> | undefined
  inputs?: object[] | undefined
  /** Where its Dataset keeps its versions, credentials by name only. */
  store?: object | undefined
  claim: { name: string; uid: string }
}

/** What a rescue claim says that it keeps; undefined if that can't be read. */
export const readRescued = ({ metadata }: KubeObject): Rescued | undefined => {
  try {
    const value: unknown = JSON.parse(metadata.annotations?.[rescuedAnnotation] ?? 'null')
    return typeof value === 'object' && value !== null && 'namespace' in value ? (value as Rescued) : undefined
  } catch {
    return undefined
  }
}

/**
 * The claim that keeps the bytes of a claim that is being deleted. It names its volume itself, so that nobody provisions another one for it,
 * and is guarded from the start.
 */
export const rescueClaim = (claim: Claim, volume: Volume, namespace: string, rescued: Rescued): Claim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: rescueName(volume.metadata.uid ?? ''),
    namespace,
    labels: childLabels({
      role: 'rescue',
      ownerUid: claim.metadata.uid ?? '',
      dataset: rescued.dataset,
      version: rescued.sequence === undefined ? undefined : `v${rescued.sequence}`,
    }),
    annotations: {
      [forClaimAnnotation]: `${claim.metadata.namespace}/${claim.metadata.name}`,
      [rescuedAnnotation]: JSON.stringify(rescued),
    },
    finalizers: [finalizers.finalize],
  },
  spec: {
    accessModes: volume.spec.accessModes ?? claim.spec.accessModes ?? ['ReadWriteOnce'],
    resources: {
      requests: { storage: volume.spec.capacity?.storage ?? claim.spec.resources?.requests?.storage ?? '1Gi' },
    },
    // An explicit empty class: a default class must not be put in where the volume has none.
    storageClassName: volume.spec.storageClassName ?? '',
    ...(volume.spec.volumeMode === undefined ? {} : { volumeMode: volume.spec.volumeMode }),
    volumeName: volume.metadata.name,
  },
})
