import type { Dataset } from '../../api/dataset.ts'
import type { StorageProvider, StorageProviderSpec } from '../../api/storage-provider.ts'
import type { JobObject, PodObject } from '../../desired/objects.ts'

/** Everything that a decision about one StorageProvider looks at. */
export interface World {
  /** Milliseconds since 1970. */
  now: number
  provider: StorageProvider
  /** The spec with its defaults, or what is wrong with it. */
  spec: StorageProviderSpec | undefined
  problem?: string | undefined
  /** All StorageProviders and Datasets of the namespace. */
  providers: StorageProvider[]
  datasets: Dataset[]
  /** Jobs that probe many stores, this one's among them, and their pods. */
  looks: JobObject[]
  lookers: PodObject[]
}
