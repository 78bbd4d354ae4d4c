import type { KubeObject } from '../api/meta.ts'

/** Other people's kinds, as far as decisions look at them. */
export interface ContainerState {
  waiting?: { reason?: string; message?: string }
  running?: { startedAt?: string }
  terminated?: { exitCode: number; reason?: string; message?: string; startedAt?: string; finishedAt?: string }
}

export interface ContainerStatus {
  name: string
  state?: ContainerState
}

interface VolumeMount {
  name: string
  mountPath: string
  readOnly?: boolean
}

export interface Container {
  name: string
  securityContext?: { runAsUser?: number; runAsGroup?: number }
  volumeMounts?: VolumeMount[]
  volumeDevices?: { name: string; devicePath: string }[]
}

export interface PodVolume {
  name: string
  persistentVolumeClaim?: { claimName: string; readOnly?: boolean }
  ephemeral?: object
}

export interface PodObject extends KubeObject {
  spec?: {
    nodeName?: string
    securityContext?: { runAsUser?: number; runAsGroup?: number; supplementalGroups?: number[]; fsGroup?: number }
    containers?: Container[]
    initContainers?: Container[]
    volumes?: PodVolume[]
  }
  status?: {
    phase?: string
    reason?: string
    message?: string
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
    initContainerStatuses?: ContainerStatus[]
    containerStatuses?: ContainerStatus[]
  }
}

export interface JobObject extends KubeObject {
  spec?: { backoffLimit?: number; suspend?: boolean }
  status?: {
    startTime?: string
    active?: number
    succeeded?: number
    failed?: number
    conditions?: { type: string; status: string; reason?: string; message?: string }[]
  }
}

export interface EventObject extends KubeObject {
  involvedObject?: { kind?: string; name?: string; uid?: string }
  reason?: string
  message?: string
  type?: string
}

export interface ClaimObject extends KubeObject {
  spec?: {
    storageClassName?: string
    accessModes?: string[]
    volumeName?: string
    dataSourceRef?: { apiGroup?: string; kind: string; name: string; namespace?: string }
    resources?: { requests?: { storage?: string } }
  }
  status?: { phase?: string; capacity?: { storage?: string } }
}

/** Whether the pod has ended. */
export const hasEnded = (pod: PodObject): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

/** A condition of a Job, a pod or any object of that shape is True. */
export const isTrue = (
  object: { status?: { conditions?: { type: string; status: string }[] } },
  type: string,
): boolean =>
  object.status?.conditions?.some((condition) => condition.type === type && condition.status === 'True') ?? false
