import type { Kind } from './meta.ts'

export const group = 'granary.dev'
export const apiVersion = 'granary.dev/v1alpha1'

const kind = (version: string, name: string, plural: string, namespaced = true): Kind => ({
  apiVersion: version,
  kind: name,
  plural,
  namespaced,
})

export const Dataset = kind(apiVersion, 'Dataset', 'datasets')
export const DatasetVersion = kind(apiVersion, 'DatasetVersion', 'datasetversions')
export const VolumeCache = kind(apiVersion, 'VolumeCache', 'volumecaches')
export const StorageProvider = kind(apiVersion, 'StorageProvider', 'storageproviders')

export const Claim = kind('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims')
export const Volume = kind('v1', 'PersistentVolume', 'persistentvolumes', false)
export const Pod = kind('v1', 'Pod', 'pods')
export const Namespace = kind('v1', 'Namespace', 'namespaces', false)
export const Node = kind('v1', 'Node', 'nodes', false)
export const Event = kind('v1', 'Event', 'events')
export const Job = kind('batch/v1', 'Job', 'jobs')
export const StorageClass = kind('storage.k8s.io/v1', 'StorageClass', 'storageclasses', false)
export const VolumeAttachment = kind('storage.k8s.io/v1', 'VolumeAttachment', 'volumeattachments', false)
export const VolumeSnapshot = kind('snapshot.storage.k8s.io/v1', 'VolumeSnapshot', 'volumesnapshots')
export const VolumeSnapshotClass = kind(
  'snapshot.storage.k8s.io/v1',
  'VolumeSnapshotClass',
  'volumesnapshotclasses',
  false,
)
export const Deployment = kind('apps/v1', 'Deployment', 'deployments')
export const ReplicaSet = kind('apps/v1', 'ReplicaSet', 'replicasets')
export const StatefulSet = kind('apps/v1', 'StatefulSet', 'statefulsets')
export const TaskRun = kind('tekton.dev/v1', 'TaskRun', 'taskruns')
export const Workflow = kind('argoproj.io/v1alpha1', 'Workflow', 'workflows')
