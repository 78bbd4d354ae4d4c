import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { parseSpec } from '../../api/schema.ts'
import { type StorageProvider, StorageProviderSpec } from '../../api/storage-provider.ts'
import { needsEvents } from '../../desired/attempt.ts'
import type { MoverConfig } from '../../desired/mover-job.ts'
import type { EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import type { Reader } from '../../kube/types.ts'
import { attemptInput } from './decide/probe.ts'
import { index } from './indexes.ts'
import type { World } from './world.ts'

export const observe = async (
  config: MoverConfig,
  reader: Reader,
  key: string,
  now: number,
): Promise<World | undefined> => {
  const [namespace = '', name = ''] = key.split('/')
  const provider = await reader.get<StorageProvider>(kinds.StorageProvider, namespace, name)
  if (!provider) return undefined
  const { uid = '' } = provider.metadata
  const [providers, datasets, jobs, movers] = await Promise.all([
    reader.list<StorageProvider>(kinds.StorageProvider, namespace),
    reader.list<Dataset>(kinds.Dataset, namespace),
    reader.byIndex<JobObject>(kinds.Job, index.jobsByOwner, uid),
    reader.byIndex<PodObject>(kinds.Pod, index.moversByOwner, uid),
  ])
  const { spec, problem } = parseSpec(StorageProviderSpec, provider)
  const world: World = { now, config, provider, spec, problem, providers, datasets, jobs, movers, events: [] }
  const job = needsEvents(attemptInput(world))
  if (!job) return world
  const events = await reader.list<EventObject>(kinds.Event, namespace)
  return { ...world, events: events.filter((event) => event.involvedObject?.uid === job.metadata.uid) }
}
