import { Gauge, type Registry } from 'prom-client'
import type { DatasetVersion } from '../api/dataset-version.ts'
import { labels } from '../api/names.ts'
import { parseQuantity } from '../api/quantity.ts'
import { type ClaimObject, isTrue, type JobObject } from '../desired/objects.ts'
import { readRescued } from '../desired/rescue.ts'

export interface Seen {
  versions: readonly DatasetVersion[]
  claims: readonly ClaimObject[]
  jobs: readonly JobObject[]
  /** ms since 1970. */
  now: number
}

interface Pending {
  namespace: string
  dataset: string
  /** At most: what is known of the files, else what the volume holds. */
  bytes: number
  /** Seconds since the writer was gone. */
  age: number
}

const capacityOf = (claim: ClaimObject | undefined): number =>
  parseQuantity(claim?.status?.capacity?.storage ?? claim?.spec?.resources?.requests?.storage ?? '0') ?? 0

/** Bytes that lie on a volume and in no store: of versions whose writers are gone, and of claims that were rescued from a namespace. */
export const pendingOf = ({ versions, claims, now }: Seen): Pending[] => {
  const age = (since: string | undefined) => Math.max(0, (now - Date.parse(since ?? '')) / 1000 || 0)
  const byName = new Map(claims.map((claim) => [`${claim.metadata.namespace}/${claim.metadata.name}`, claim]))
  const own = versions.flatMap(({ metadata, spec, status }): Pending[] => {
    if (status?.phase !== 'Finalizing' && status?.phase !== 'Uncommitted') return []
    const { namespace = '' } = metadata
    const bytes = status.progress?.bytesTotal ?? capacityOf(byName.get(`${namespace}/${status.claimName}`))
    return [{ namespace, dataset: spec.dataset, bytes, age: age(status.releasedAt) }]
  })
  const rescued = claims.flatMap((claim): Pending[] => {
    if (claim.metadata.labels?.[labels.role] !== 'rescue') return []
    const kept = readRescued(claim)
    // One in its own namespace belongs to a version that is there and counted.
    if (kept === undefined || kept.namespace === claim.metadata.namespace) return []
    const { namespace, dataset } = kept
    return [{ namespace, dataset, bytes: capacityOf(claim), age: age(claim.metadata.creationTimestamp) }]
  })
  return [...own, ...rescued]
}

const stateOf = (job: JobObject): 'waiting' | 'running' | undefined => {
  if (job.metadata.labels?.[labels.role] !== 'mover' || isTrue(job, 'Complete') || isTrue(job, 'Failed'))
    return undefined
  return job.spec?.suspend === true ? 'waiting' : 'running'
}

/** Gauges of what moves and of what waits to be moved, from what the caches hold whenever somebody asks. */
export const gaugeMoving = (registry: Registry, look: () => Seen): void => {
  const registers = [registry]
  const labelNames = ['namespace', 'dataset'] as const
  const ofMovers = (name: string, help: string, value: (progress: Progress) => number | undefined) =>
    new Gauge({
      name,
      help,
      labelNames,
      registers,
      collect() {
        this.reset()
        for (const { metadata, spec, status } of look().versions) {
          const found = status?.progress === undefined ? undefined : value(status.progress)
          if (found !== undefined) this.inc({ namespace: metadata.namespace ?? '', dataset: spec.dataset }, found)
        }
      },
    })
  ofMovers('granary_mover_bytes', 'Bytes that movers at work have moved.', (progress) => progress.bytesDone)
  ofMovers('granary_mover_bytes_expected', 'Bytes that they move in all.', (progress) => progress.bytesTotal)
  ofMovers('granary_mover_bytes_per_second', 'How fast they are.', (progress) => progress.bytesPerSecond)
  new Gauge({
    name: 'granary_movers',
    help: 'Jobs of movers, by state: running, or waiting for a turn.',
    labelNames: ['state'],
    registers,
    collect() {
      for (const state of ['running', 'waiting'] as const)
        this.set({ state }, look().jobs.filter((job) => stateOf(job) === state).length)
    },
  })
  new Gauge({
    name: 'granary_pending_bytes',
    help: 'Bytes at most that lie on volumes, their writers gone, and in no store.',
    labelNames,
    registers,
    collect() {
      this.reset()
      for (const { namespace, dataset, bytes } of pendingOf(look())) this.inc({ namespace, dataset }, bytes)
    },
  })
  new Gauge({
    name: 'granary_pending_oldest_seconds',
    help: 'For how long the oldest of them have waited.',
    labelNames,
    registers,
    collect() {
      this.reset()
      const oldest = new Map<string, Pending>()
      for (const one of pendingOf(look())) {
        const key = `${one.namespace}/${one.dataset}`
        if (one.age >= (oldest.get(key)?.age ?? 0)) oldest.set(key, one)
      }
      for (const { namespace, dataset, age } of oldest.values()) this.set({ namespace, dataset }, Math.round(age))
    },
  })
}

type Progress = NonNullable<NonNullable<DatasetVersion['status']>['progress']>
