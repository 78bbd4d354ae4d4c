import type { Dataset, DatasetSpec } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import type { StorageProvider } from '../../api/storage-provider.ts'
import type { ApiLocation } from '../../desired/location.ts'
import type { MoverConfig } from '../../desired/mover-job.ts'
import type { ClaimObject, EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import type { Snapshot } from '../../desired/snapshot.ts'
import type { Claim, Volume } from '../../desired/volumes.ts'

/** What the operator's config says to this controller. */
export interface DatasetConfig extends MoverConfig {
  /** The store of Datasets that name none, in namespaces without a default StorageProvider; a claim is made there. */
  defaultStore?:
    | (ApiLocation & { claim?: { storageClassName?: string | undefined; size: string } | undefined })
    | undefined
  /** What hostPath sources must be under. */
  allowHostPath?: readonly string[] | undefined
  /** Of volumes whose Dataset says nothing; absent: the cluster's default. */
  defaultStorageClass?: string | undefined
}

/** What an alias leads to. */
export interface Alias {
  /** What `spec.source.dataset` names, for people. */
  asked: string
  /** That is in another namespace: nothing more may be said of it than is asked, as long as it can't be read. */
  elsewhere: boolean
  /** The Dataset itself, if it is there and may be read. */
  owner?: Dataset
  versions: DatasetVersion[]
}

/** Everything that a decision about one Dataset looks at. */
export interface World {
  /** Milliseconds since 1970. */
  now: number
  config: DatasetConfig
  dataset: Dataset
  /** The spec with its defaults, or what is wrong with it. */
  spec: DatasetSpec
  problem?: string | undefined
  /** Versions that name this Dataset, whoever made them. */
  versions: DatasetVersion[]
  /** Claims of the same namespace that are filled from this Dataset, and those that spec.volume keeps. */
  claims: ClaimObject[]
  /** Claims that are called `<dataset>-v<N>`, whoever made them. */
  named: ClaimObject[]
  /** Snapshots of this Dataset's versions. */
  snapshots: Snapshot[]
  /** Provisioner of the class that spec.volume names, or of the default class. */
  provisioner?: string | undefined
  /** Pods that mount those claims, or name one `<dataset>-v<N>`; no movers. */
  pods: PodObject[]
  /** Movers of this Dataset: their Jobs and pods, and events of a Job that should have a pod. */
  jobs: JobObject[]
  movers: PodObject[]
  events: EventObject[]
  /** Claims anywhere that have content of this Dataset, and pods that mount them. Only looked up where retention asks. */
  contentClaims: ClaimObject[]
  contentPods: PodObject[]
  /** The namespace is being deleted. */
  isNamespaceLeaving: boolean
  /** Numbers of versions for which movers are at work, whatever became of their objects. */
  writing: number[]
  /** Set if the Dataset is an alias. */
  alias?: Alias | undefined
  /** Jobs that look at many sources, this one's among them, and movers' pods. */
  looks: JobObject[]
  lookers: PodObject[]
  /** Of the namespace. */
  providers: StorageProvider[]
  /** The claim that `spec.source.claim` names. */
  sourceClaim?: ClaimObject | undefined
  /** Pods that may write to it now. */
  sourceWriters: string[]
  /** The claim that is the store, where the store is one. */
  storeClaim?: ClaimObject | undefined
  /** Claims and volumes through which a share or a directory of the nodes is read, as they are. */
  shareClaims: Claim[]
  shareVolumes: Volume[]
}
