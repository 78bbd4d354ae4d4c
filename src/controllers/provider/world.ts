import type { Dataset } from '../../api/dataset.ts'
import type { StorageProvider, StorageProviderSpec } from '../../api/storage-provider.ts'
import type { MoverConfig } from '../../desired/mover-job.ts'
import type { EventObject, JobObject, PodObject } from '../../desired/objects.ts'

/** Everything that a decision about one StorageProvider looks at. */
export interface World {
  /** Milliseconds since 1970. */
  now: number
  config: MoverConfig
  provider: StorageProvider
  /** The spec with its defaults, or what is wrong with it. */
  spec: StorageProviderSpec | undefined
  problem?: string | undefined
  /** All StorageProviders and Datasets of the namespace. */
  providers: StorageProvider[]
  datasets: Dataset[]
  /** Movers of this StorageProvider: their Jobs and pods, and events of a Job that should have a pod. */
  jobs: JobObject[]
  movers: PodObject[]
  events: EventObject[]
}
