import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { MoveSpec } from '../../../src/api/move.ts'
import { exitCodeOf, type MoveDone, type MoveFailed, type MoveResult } from '../../../src/api/move-result.ts'
import { annotations } from '../../../src/api/names.ts'
import type { StorageProvider } from '../../../src/api/storage-provider.ts'
import type { Indexes } from '../../../src/cli/caches.ts'
import { lookController, indexes as lookIndexes } from '../../../src/controllers/look/index.ts'
import { moversController, indexes as moversIndexes } from '../../../src/controllers/movers/index.ts'
import type { ClaimObject, JobObject, PodObject } from '../../../src/desired/objects.ts'
import type { Controller, KubeObject } from '../../../src/kube/types.ts'
import type { Actor } from '../../helpers/drive.ts'
import { ModelApi } from '../../helpers/model-api.ts'

export const namespace = 'vision'
export const config = { moverImage: 'granary:test', moverResources: {} }
export const digest = (letter: string): string => letter.repeat(64)

export const provider = (more: Record<string, unknown> = {}): StorageProvider =>
  ({
    apiVersion: kinds.apiVersion,
    kind: 'StorageProvider',
    metadata: { name: 'bucket', namespace },
    spec: { s3: { bucket: 'team' }, prefix: 'all/', default: true, credentials: { secretName: 'keys' }, ...more },
  }) as StorageProvider

export const dataset = (spec: Record<string, unknown> = {}, name = 'mnist'): Dataset =>
  ({ apiVersion: kinds.apiVersion, kind: 'Dataset', metadata: { name, namespace }, spec }) as unknown as Dataset

export const withSource = (more: Record<string, unknown> = {}) =>
  dataset({ source: { provider: 'bucket', prefix: 'raw/' }, ...more })

export const outputClaim = (name: string, more: Record<string, string> = {}, of = 'mnist'): ClaimObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: { name, namespace, annotations: { [annotations.access]: 'ReadWrite', ...more } },
  spec: { dataSourceRef: { apiGroup: kinds.group, kind: 'Dataset', name: of } },
})

export const writer = (name: string, claim: string): PodObject => ({
  apiVersion: 'v1',
  kind: 'Pod',
  metadata: { name, namespace },
  spec: {
    containers: [{ name: 'train', volumeMounts: [{ name: 'out', mountPath: '/out' }] }],
    volumes: [{ name: 'out', persistentVolumeClaim: { claimName: claim } }],
  },
  status: { phase: 'Running' },
})

/** Those who look for all, and let movers go. */
export const helpers = (more: object = {}): Controller[] => [
  lookController({ ...config, ...more }) as never,
  moversController({ maxMovers: 64, maxMoversPerNamespace: 16 }) as never,
]

/** The indexes of a controller and its helpers. */
export const withHelpers = (own: Indexes): Indexes => {
  const all: Indexes = {}
  for (const indexes of [own, lookIndexes, moversIndexes])
    for (const [plural, functions] of Object.entries(indexes)) all[plural] = { ...all[plural], ...functions }
  return all
}

/** A model with a namespace and these objects. */
export const modelWith = (...objects: KubeObject[]): ModelApi => {
  const api = new ModelApi()
  api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
  for (const object of objects) api.seed(structuredClone(object))
  return api
}

const specOf = (job: JobObject): MoveSpec => {
  const { template } = job.spec as unknown as {
    template: { spec: { containers: { env: { value: string }[] }[] } }
  }
  return MoveSpec.parse(JSON.parse(template.spec.containers[0]?.env[0]?.value ?? ''))
}

/** Ends each mover at once with what `answer` says. undefined: it goes on. */
export const kubelet =
  (answer: (spec: MoveSpec, api: ModelApi, job: JobObject) => MoveDone | MoveFailed | undefined): Actor =>
  (api) => {
    let acted = false
    for (const job of api.all<JobObject>(kinds.Job)) {
      if (job.spec?.suspend || job.status?.conditions?.length) continue
      const result: MoveResult | undefined = answer(specOf(job), api, job)
      if (!result) continue
      const failed = result.outcome === 'Failed'
      const exitCode = failed ? exitCodeOf[(result as MoveFailed).reason] : 0
      const { name, uid = '', labels } = job.metadata
      api.seed({
        apiVersion: 'v1',
        kind: 'Pod',
        metadata: {
          name: `${name}-x`,
          namespace: job.metadata.namespace ?? '',
          ...(labels ? { labels } : {}),
          ownerReferences: [{ apiVersion: 'batch/v1', kind: 'Job', name, uid }],
        },
        status: {
          phase: failed ? 'Failed' : 'Succeeded',
          containerStatuses: [{ name: 'mover', state: { terminated: { exitCode, message: JSON.stringify(result) } } }],
        },
      } as PodObject)
      api.change<JobObject>(kinds.Job, job.metadata.namespace, name, (object) => {
        object.status = { conditions: [{ type: failed ? 'Failed' : 'Complete', status: 'True' }] }
      })
      acted = true
    }
    return acted
  }

export const nothingStored: MoveDone = { op: 'Adopt', outcome: 'Done', versions: [], more: false }

export const nothingSwept = (tombstones: { sequence: number; until: string }[] = []): MoveDone => ({
  op: 'Sweep',
  outcome: 'Done',
  tombstoned: tombstones.length,
  restored: [],
  gone: [],
  purged: [],
  objects: 0,
  bytes: 0,
  more: false,
  tombstones: tombstones.map(({ sequence, until }) => ({ n: sequence, until })),
})

/** A source whose listing has this fingerprint, and a store in which nothing was found. */
export const calmMover = (fingerprint: () => string) =>
  kubelet((spec) => {
    if (spec.op === 'Adopt') return nothingStored
    if (spec.op === 'Sweep') return nothingSwept(spec.tombstones)
    if (spec.op === 'Scan')
      return { op: 'Scan', outcome: 'Done', items: [{ objects: 3, bytes: 30, fingerprint: fingerprint() }] }
    return undefined
  })

/** Plays the version controller: what has a number is committed at once, if `done` says so. */
export const committer =
  (status: (version: DatasetVersion) => Record<string, unknown> | undefined): Actor =>
  (api) => {
    let acted = false
    for (const version of api.all<DatasetVersion>(kinds.DatasetVersion)) {
      if (version.status?.sequence === undefined || version.metadata.deletionTimestamp) continue
      const next = status(version)
      if (
        !next ||
        Object.entries(next).every(
          ([key, value]) => JSON.stringify((version.status as Record<string, unknown>)[key]) === JSON.stringify(value),
        )
      )
        continue
      api.change<DatasetVersion>(kinds.DatasetVersion, namespace, version.metadata.name, (object) => {
        Object.assign(object.status as object, next)
      })
      acted = true
    }
    return acted
  }

/** An import is committed with this fingerprint. */
export const commitImports = (fingerprint: () => string) =>
  committer((version) =>
    version.spec.from?.source && version.status?.phase === undefined
      ? {
          phase: 'Committed',
          digest: digest('a'),
          files: 3,
          bytes: 30,
          committedAt: '2026-01-01T00:00:00Z',
          import: { mode: 'Copy', reason: 'the bucket keeps no versions', fingerprint: fingerprint() },
        }
      : undefined,
  )
