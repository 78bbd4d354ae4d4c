import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import type { JobObject } from '../../desired/objects.ts'
import type { Controller, IndexFunction, KubeObject } from '../../kube/types.ts'
import { decide, type MoversConfig, type World, waits } from './decide.ts'

const index = 'movers.all'
const all = 'mover'

const isMover: IndexFunction = ({ metadata }) => (metadata.labels?.[labels.role] === 'mover' ? [all] : [])

export const indexes = { [kinds.Job.plural]: { [index]: isMover } }

/**
 * So many movers at once, and no more. Every mover's Job is made suspended, which is the line they wait in, and this lets them go when it is their turn. It looks at
 * one namespace at a time, so that an admission policy which refuses that in one holds up no other. Field manager `granary-movers`.
 */
export const moversController = (config: MoversConfig): Controller<World> => {
  // Namespaces in which a Job waits for its turn: a mover that ends anywhere concerns them all.
  const waiting = new Set<string>()
  const concerned = (job: KubeObject): string[] => {
    if (isMover(job).length === 0) return []
    if (waits(job as JobObject)) waiting.add(job.metadata.namespace ?? '')
    return [...waiting]
  }
  return {
    name: 'movers',
    watches: [{ kind: kinds.Job, keys: concerned }],
    observe: async (reader, namespace) => {
      const jobs = await reader.byIndex<JobObject>(kinds.Job, index, all)
      if (!jobs.some((job) => job.metadata.namespace === namespace && waits(job))) waiting.delete(namespace)
      return { config, namespace, jobs }
    },
    decide,
  }
}
