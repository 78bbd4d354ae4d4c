import type { Dataset, DatasetSpec } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { labels, parseVersionTag } from '../../api/names.ts'
import { hasEnded, isTrue, type JobObject, type PodObject } from '../../desired/objects.ts'
import type { Reader } from '../../kube/types.ts'
import { holdersOf } from '../holders.ts'
import { index } from './indexes.ts'
import type { World } from './world.ts'

/** Who holds content of the Dataset; only asked where versions may go by themselves. */
const contentOf = async (reader: Reader, spec: DatasetSpec, dataset: string) => {
  if (spec.retention?.keepLast === undefined && spec.deletionPolicy !== 'Delete')
    return { contentClaims: [], contentPods: [] }
  return holdersOf(reader, index, dataset, { spec })
}

const isOver = (job: JobObject): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed')

/** Numbers for which a mover writes into the store, or may begin to. */
const writingOf = async (reader: Reader, dataset: string): Promise<number[]> => {
  const [pods, jobs] = await Promise.all([
    reader.byIndex<PodObject>(kinds.Pod, index.moversByDataset, dataset),
    reader.byIndex<JobObject>(kinds.Job, index.moversByDataset, dataset),
  ])
  const atWork = [...pods.filter((pod) => !hasEnded(pod)), ...jobs.filter((job) => !isOver(job))]
  const writes = atWork.filter(({ metadata }) =>
    /^granary-(import|finalize|checkpoint|materialize)-/.test(metadata.name),
  )
  return [...new Set(writes.flatMap(({ metadata }) => parseVersionTag(metadata.labels?.[labels.version] ?? '') ?? []))]
}

/** Only asked when the Dataset itself goes. */
const isLeaving = async (reader: Reader, { metadata }: Dataset): Promise<boolean> => {
  if (metadata.deletionTimestamp === undefined) return false
  const home = await reader.get(kinds.Namespace, undefined, metadata.namespace ?? '')
  return home === undefined || home.metadata.deletionTimestamp !== undefined
}

/** What keeps versions, and what is to be known before bytes go. */
export const observeUses = async (
  reader: Reader,
  dataset: Dataset,
  spec: DatasetSpec,
): Promise<Pick<World, 'contentClaims' | 'contentPods' | 'isNamespaceLeaving' | 'writing'>> => {
  const key = `${dataset.metadata.namespace ?? ''}/${dataset.metadata.name}`
  const [content, isNamespaceLeaving, writing] = await Promise.all([
    contentOf(reader, spec, key),
    isLeaving(reader, dataset),
    writingOf(reader, key),
  ])
  return { ...content, isNamespaceLeaving, writing }
}
