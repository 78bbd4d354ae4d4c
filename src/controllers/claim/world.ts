import type { Dataset } from '../../api/dataset.ts'
import type { DatasetVersion } from '../../api/dataset-version.ts'
import type { KubeObject } from '../../api/meta.ts'
import type { ApiLocation, ProviderObject } from '../../desired/location.ts'
import type { MoverConfig } from '../../desired/mover-job.ts'
import type { EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import type { Snapshot, SnapshotClass } from '../../desired/snapshot.ts'
import type { Claim, StorageClass, Volume } from '../../desired/volumes.ts'

/** What the operator's config says to this controller. */
export interface ClaimConfig extends MoverConfig {
  /** The store of Datasets that name none, in namespaces without a default StorageProvider. */
  defaultStore?: ApiLocation | undefined
  /** Where bytes go whose own namespace is being deleted. */
  rescueNamespace: string
}

/** What the claim's dataSourceRef leads to now, aliases followed. */
export type Source =
  | {
      dataset: Dataset
      /** All versions of the Dataset. */
      versions: DatasetVersion[]
      /** Of the Dataset's namespace. */
      providers: ProviderObject[]
      /** Volumes of the Dataset that are being filled for other namespaces, this claim's not counted. */
      fills: Claim[]
      /** Set if the claim names a DatasetVersion. */
      named?: DatasetVersion
      /** The alias that the claim names, if it is one. */
      alias?: string
      elsewhere?: string
    }
  | {
      missing: string
      /** What is named outside the claim's namespace, as the claim or its own alias says it: all that may be said of it. */
      elsewhere?: string
    }

/** What is there of the place that a person wants the bytes of a rescue claim in. */
export interface Adoption {
  namespace: string
  name: string
  home: KubeObject | undefined
  dataset: KubeObject | undefined
  version: DatasetVersion | undefined
  claim: Claim | undefined
}

/** Everything that a decision about one claim looks at. Also used for rescue claims, of which only a part matters. */
export interface World {
  /** Milliseconds since 1970. */
  now: number
  config: ClaimConfig
  claim: Claim
  /** The claim's namespace; undefined if it is gone. */
  namespace: KubeObject | undefined
  source: Source
  storageClass: StorageClass | undefined
  /** The volume that the claim names as its own, or that names the claim. */
  volume: Volume | undefined
  prime: Claim | undefined
  primeVolume: Volume | undefined
  /** The node that the scheduler chose for the claim is not there. */
  nodeGone: boolean
  /** Movers that fill the prime. */
  jobs: JobObject[]
  movers: PodObject[]
  events: EventObject[]
  /** What a prime that has no volume yet was refused with by its provisioner, last. */
  complaint: string | undefined
  /** Of the version that the claim was resolved to. */
  snapshots: Snapshot[]
  snapshotClasses: SnapshotClass[]
  /** Other claims with that version in this class, and whether a pod names them. */
  twins: { claim: Claim; used: boolean }[]
  /** The prime's volume is attached to a node; only asked where it matters. */
  attached: boolean
  /** Pods that mount the claim. */
  users: PodObject[]
  /** Versions that are or were written on this claim. */
  written: DatasetVersion[]
  /** The claim that took over this claim's volume, or is about to. */
  rescue: Claim | undefined
  /** Of a rescue claim that a person wants adopted. */
  adoption: Adoption | undefined
}
