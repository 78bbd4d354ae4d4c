import { type Dataset, DatasetSpec } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { parseSpec } from '../../api/schema.ts'
import { type StorageProvider, StorageProviderSpec } from '../../api/storage-provider.ts'
import { needsEvents } from '../../desired/attempt.ts'
import { entriesOf, lookInput } from '../../desired/look.ts'
import type { EventObject, JobObject, PodObject } from '../../desired/objects.ts'
import type { Controller, IndexFunction, KubeObject, Reader } from '../../kube/types.ts'
import { wantsProbe, wantsScan } from './decide/wants.ts'
import { decide } from './decide.ts'
import type { LookConfig, World } from './world.ts'

const index = { jobs: 'look.jobs', pods: 'look.pods' } as const

const namespaceOf = ({ metadata }: KubeObject): string[] => [metadata.namespace ?? '']
const looks: IndexFunction = (job) => (entriesOf(job).length > 0 ? namespaceOf(job) : [])
/** A Job's pod is named after it. */
const isLooker = ({ metadata }: KubeObject): boolean => /^granary-(scan|probe)-/.test(metadata.name)
const lookers: IndexFunction = (pod) => (isLooker(pod) ? namespaceOf(pod) : [])

export const indexes = {
  [kinds.Job.plural]: { [index.jobs]: looks },
  [kinds.Pod.plural]: { [index.pods]: lookers },
}

const eventsOf = async (reader: Reader, namespace: string, jobs: JobObject[], pods: PodObject[], now: number) => {
  const uids = jobs.filter((job) => needsEvents(lookInput(job, pods, now))).map((job) => job.metadata.uid ?? '')
  if (uids.length === 0) return []
  const events = await reader.list<EventObject>(kinds.Event, namespace)
  return events.filter((event) => uids.includes(event.involvedObject?.uid ?? ''))
}

const readable = <T extends KubeObject, S>(
  objects: readonly T[],
  parse: (object: T) => { spec?: S | undefined },
): { object: T; spec: S }[] =>
  objects.flatMap((object) => {
    const { spec } = parse(object)
    return spec === undefined ? [] : { object, spec }
  })

/**
 * Scans of sources and probes of stores, of one namespace at a time: one Job for all that are due, one identity and the same settings. Who wants one says so in its
 * own status, and reads the answer from the Job.
 */
export const lookController = (config: LookConfig): Controller<World> => ({
  name: 'look',
  watches: [
    { kind: kinds.Dataset, keys: namespaceOf },
    { kind: kinds.StorageProvider, keys: namespaceOf },
    { kind: kinds.Job, keys: looks },
    { kind: kinds.Pod, keys: lookers },
  ],
  observe: async (reader, namespace, now) => {
    const [datasets, providers, jobs, pods] = await Promise.all([
      reader.list<Dataset>(kinds.Dataset, namespace),
      reader.list<StorageProvider>(kinds.StorageProvider, namespace),
      reader.byIndex<JobObject>(kinds.Job, index.jobs, namespace),
      reader.byIndex<PodObject>(kinds.Pod, index.pods, namespace),
    ])
    return {
      now,
      config,
      namespace,
      datasets: readable(datasets.filter(wantsScan), (object) => parseSpec(DatasetSpec, object)),
      probes: readable(providers.filter(wantsProbe), (object) => parseSpec(StorageProviderSpec, object)),
      providers,
      jobs,
      pods,
      events: await eventsOf(reader, namespace, jobs, pods, now),
    }
  },
  decide,
})
