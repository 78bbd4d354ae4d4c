import * as kinds from '../../api/kinds.ts'
import { isTrue, type JobObject } from '../../desired/objects.ts'
import type { Plan } from '../../kube/types.ts'

export interface MoversConfig {
  maxMovers: number
  maxMoversPerNamespace: number
}

/** All movers' Jobs of the cluster, and the namespace that the plan is for. */
export interface World {
  config: MoversConfig
  namespace: string
  jobs: readonly JobObject[]
}

/**
 * How much later than the others a Job counts as made, ms. What ends a job's work comes first, then what a pod waits for, then what may come a little later. Waiting
 * makes up for it, so nothing starves.
 */
const handicaps: Record<string, number> = {
  finalize: 0,
  populate: 30_000,
  checkpoint: 30_000,
  import: 60_000,
  adopt: 60_000,
}
const laterMs = 120_000
/** The same for each mover that the namespace has already: who has few comes before who has many. */
const perMoverMs = 30_000

const opOf = ({ metadata }: JobObject): string => /^granary-([a-z]+)-/.exec(metadata.name)?.[1] ?? ''

const hasEnded = (job: JobObject): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed')

/** Made, and not let go yet. */
export const waits = (job: JobObject): boolean =>
  job.spec?.suspend === true && !hasEnded(job) && job.metadata.deletionTimestamp === undefined

/** Its pod runs, or may come at any moment. */
const lives = (job: JobObject): boolean => job.spec?.suspend !== true && !hasEnded(job)

/** Others than finalizing movers leave so many places free: bytes that are nowhere else never wait for a volume that can't be filled. */
const reserved = (cap: number): number => Math.floor(cap / 4)

/** Which of the waiting Jobs may start, the first first. */
export const turns = ({ config, jobs }: Pick<World, 'config' | 'jobs'>): JobObject[] => {
  const running = new Map<string, number>()
  let all = 0
  const count = (namespace: string) => {
    all++
    running.set(namespace, (running.get(namespace) ?? 0) + 1)
  }
  for (const job of jobs) if (lives(job)) count(job.metadata.namespace ?? '')
  const line = jobs.filter(waits).map((job) => {
    const op = opOf(job)
    const made = Date.parse(job.metadata.creationTimestamp ?? '') + (handicaps[op] ?? laterMs)
    return { job, namespace: job.metadata.namespace ?? '', keep: op === 'finalize' ? 0 : 1, made }
  })
  const chosen: JobObject[] = []
  const rank = (one: (typeof line)[number]) => one.made + perMoverMs * (running.get(one.namespace) ?? 0)
  const fits = ({ namespace, keep }: (typeof line)[number]) =>
    all < config.maxMovers - keep * reserved(config.maxMovers) &&
    (running.get(namespace) ?? 0) < config.maxMoversPerNamespace - keep * reserved(config.maxMoversPerNamespace)
  while (all < config.maxMovers) {
    let best: (typeof line)[number] | undefined
    for (const one of line) {
      if (!fits(one) || (best !== undefined && !isBefore(one, best, rank))) continue
      best = one
    }
    if (best === undefined) break
    line.splice(line.indexOf(best), 1)
    chosen.push(best.job)
    count(best.namespace)
  }
  return chosen
}

const isBefore = <T extends { job: JobObject }>(one: T, other: T, rank: (of: T) => number): boolean => {
  const [a, b] = [rank(one), rank(other)]
  return a === b ? one.job.metadata.name < other.job.metadata.name : a < b
}

/** Lets those Jobs of the namespace go whose turn it is. */
export const decide = (world: World): Plan => ({
  patch: turns(world)
    .filter(({ metadata }) => metadata.namespace === world.namespace)
    .map(({ metadata: { name, uid = '' } }) => ({
      ref: { kind: kinds.Job, namespace: world.namespace, name, uid },
      ops: [
        { op: 'test', path: '/metadata/uid', value: uid },
        { op: 'replace', path: '/spec/suspend', value: false },
      ],
    })),
})
