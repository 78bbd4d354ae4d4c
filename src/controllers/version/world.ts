import type { Dataset, DatasetSpec } from '../../api/dataset.ts'
import type { DatasetVersion, DatasetVersionSpec } from '../../api/dataset-version.ts'
import type { KubeObject } from '../../api/meta.ts'
import type { StorageProvider } from '../../api/storage-provider.ts'
import type { ApiLocation } from '../../desired/location.ts'
import type { MoverConfig } from '../../desired/mover-job.ts'
import type { ClaimObject, EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import type { Snapshot } from '../../desired/snapshot.ts'

/** What the operator's config says to this controller. */
export interface VersionConfig extends MoverConfig {
  /** The store of Datasets that name none, in namespaces without a default StorageProvider. */
  defaultStore?: ApiLocation | undefined
  /** What hostPath sources must be under. */
  allowHostPath?: readonly string[] | undefined
  /** Of volumes to write in; default: the cluster's default class. */
  defaultStorageClass?: string | undefined
  /** Of volumes to write in, a quantity. */
  defaultOutputSize: string
}

/** How the volume that a version was written on can be kept for its readers. */
export interface Keeping {
  /** Of the driver of that volume and of those that the Dataset keeps. */
  snapshotClass: string
  /** A node has the volume; only asked where it matters. */
  attached: boolean
}

export interface Workspace {
  /** The class that the claim's driver makes snapshots with; undefined if it makes none. */
  snapshotClass: string | undefined
  snapshot: Snapshot | undefined
  /** The claim that was made of the snapshot. */
  copy: ClaimObject | undefined
}

/** Everything that a decision about one DatasetVersion looks at. */
export interface World {
  /** Milliseconds since 1970. */
  now: number
  config: VersionConfig
  version: DatasetVersion
  /** The spec, or what is wrong with it. */
  spec: DatasetVersionSpec
  problem?: string | undefined
  dataset: Dataset | undefined
  /** The Dataset's spec with its defaults, or what is wrong with it. */
  datasetSpec: DatasetSpec | undefined
  datasetProblem?: string | undefined
  /** Of the namespace. */
  providers: StorageProvider[]
  /** Other versions of the Dataset. */
  siblings: DatasetVersion[]
  namespace: KubeObject | undefined
  /** The claim that is written to; undefined if it is not there. */
  claim: ClaimObject | undefined
  /** Of the same namespace, once it holds the bytes of `claim`. */
  rescue: ClaimObject | undefined
  /** Pods that mount the claim, ended ones too; no movers. */
  pods: PodObject[]
  /** Controllers of those pods and of the users in status, as far as they still exist. */
  owners: KubeObject[]
  /** The claim that a verification is asked for, or under way on. */
  verifyClaim?: ClaimObject | undefined
  /** While the version is being deleted: claims anywhere that have content of its Dataset, and pods that mount them. */
  contentClaims: ClaimObject[]
  contentPods: PodObject[]
  /** Claims of any namespace that hold this version, once it is committed. */
  copies: ClaimObject[]
  /** Snapshots that hold this version. */
  snapshots: Snapshot[]
  /** Of a version that takes what is on somebody's claim: how that can be snapshotted, and what there is of it. */
  workspace?: Workspace | undefined
  /** Of a version that was written on a volume: set where the Dataset wants volumes of its versions that can be made of a snapshot of that. */
  keeping?: Keeping | undefined
  /** Other claims that those pods mount. */
  inputs: ClaimObject[]
  /** The claim that is the source of an import, and the pods that may write to it. */
  sourceClaim?: ClaimObject | undefined
  sourceWriters: string[]
  /** Movers of this version: their Jobs and pods, events of a Job that should have a pod, the last line of the one that runs. */
  jobs: JobObject[]
  movers: PodObject[]
  events: EventObject[]
  lastLine?: string | undefined
}

/** The status without what the dataset controller writes. */
export type OwnStatus = Omit<NonNullable<DatasetVersion['status']>, 'sequence' | 'version' | 'openedAt' | 'parent'>
