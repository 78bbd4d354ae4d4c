import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import { parseSpec } from '../../api/schema.ts'
import { type StorageProvider, StorageProviderSpec } from '../../api/storage-provider.ts'
import type { JobObject, PodObject } from '../../desired/objects.ts'
import type { Reader } from '../../kube/types.ts'
import { index } from './indexes.ts'
import type { World } from './world.ts'

export const observe = async (reader: Reader, key: string, now: number): Promise<World | undefined> => {
  const [namespace = '', name = ''] = key.split('/')
  const provider = await reader.get<StorageProvider>(kinds.StorageProvider, namespace, name)
  if (!provider) return undefined
  const [providers, datasets, looks] = await Promise.all([
    reader.list<StorageProvider>(kinds.StorageProvider, namespace),
    reader.list<Dataset>(kinds.Dataset, namespace),
    reader.byIndex<JobObject>(kinds.Job, index.looksByUid, provider.metadata.uid ?? ''),
  ])
  const owners = looks.flatMap((job) => job.metadata.labels?.[labels.ownerUid] ?? [])
  const lookers = await Promise.all(owners.map((uid) => reader.byIndex<PodObject>(kinds.Pod, index.moversByOwner, uid)))
  const { spec, problem } = parseSpec(StorageProviderSpec, provider)
  return { now, provider, spec, problem, providers, datasets, looks, lookers: lookers.flat() }
}
