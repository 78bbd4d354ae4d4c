import type { Condition, KubeObject } from '../api/meta.ts'

/** PersistentVolumeClaim, PersistentVolume and StorageClass as far as Granary reads or writes them. */
export interface Claim extends KubeObject {
  spec: {
    accessModes?: string[]
    resources?: { requests?: { storage?: string } }
    storageClassName?: string
    volumeMode?: string
    volumeName?: string
    volumeAttributesClassName?: string
    dataSourceRef?: { apiGroup?: string; kind: string; name: string; namespace?: string }
  }
  status?: { phase?: 'Pending' | 'Bound' | 'Lost'; capacity?: { storage?: string }; conditions?: Condition[] }
}

export interface Volume extends KubeObject {
  spec: {
    capacity?: { storage?: string }
    accessModes?: string[]
    claimRef?: { apiVersion?: string; kind?: string; namespace?: string; name?: string; uid?: string }
    mountOptions?: string[]
    persistentVolumeReclaimPolicy?: string
    storageClassName?: string
    volumeMode?: string
    csi?: { driver: string }
    local?: { path: string }
    nfs?: { server: string; path: string; readOnly?: boolean }
    nodeAffinity?: unknown
    hostPath?: unknown
  }
  status?: { phase?: string }
}

export interface StorageClass extends KubeObject {
  provisioner: string
  volumeBindingMode?: 'Immediate' | 'WaitForFirstConsumer'
}

/** `namespace/name` of the claim that a prime, its movers and their pods work for, and that a rescue claim took over from. */
export const forClaimAnnotation = 'granary.dev/for-claim'
/** On a volume that Granary gave to another claim: when. */
export const handedOverAnnotation = 'granary.dev/handed-over-at'
/** On a volume that Granary filled for a claim of another namespace, for good: `namespace/dataset` of what was put on it. */
export const filledFromAnnotation = 'granary.dev/filled-from'
/** On a rescue claim and its volume: everything that a commit needs, as JSON. */
export const rescuedAnnotation = 'granary.dev/rescued'
/** The scheduler's choice for a claim that waits for its first consumer. */
export const selectedNodeAnnotation = 'volume.kubernetes.io/selected-node'
/** On a rescue claim, by a person: `namespace/dataset`, where its bytes shall become a version. */
export const adoptIntoAnnotation = 'granary.dev/adopt-into'
