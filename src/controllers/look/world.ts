import type { Dataset, DatasetSpec } from '../../api/dataset.ts'
import type { StorageProvider, StorageProviderSpec } from '../../api/storage-provider.ts'
import type { MoverConfig } from '../../desired/mover-job.ts'
import type { EventObject, JobObject, PodObject } from '../../desired/objects.ts'

/** What the operator's config says to this controller. */
export interface LookConfig extends MoverConfig {
  /** What hostPath sources must be under. */
  allowHostPath?: readonly string[] | undefined
}

/** Everything that wants to be looked at in one namespace, and who looks already. */
export interface World {
  /** Milliseconds since 1970. */
  now: number
  config: LookConfig
  namespace: string
  /** Those that want a look, and whose spec can be read. */
  datasets: { object: Dataset; spec: DatasetSpec }[]
  probes: { object: StorageProvider; spec: StorageProviderSpec }[]
  /** All of the namespace. */
  providers: StorageProvider[]
  /** Jobs that look, their pods, and events of those that should have a pod and have none. */
  jobs: JobObject[]
  pods: PodObject[]
  events: EventObject[]
}
