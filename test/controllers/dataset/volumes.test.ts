import { expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import type { ClaimObject, PodObject } from '../../../src/desired/objects.ts'
import type { Snapshot } from '../../../src/desired/snapshot.ts'
import { drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  calmMover,
  config,
  dataset,
  digest,
  helpers,
  modelWith,
  namespace,
  provider,
  withHelpers,
  writer,
} from './actors.ts'

const committed = (sequence: number, tags: string[] = []): DatasetVersion =>
  ({
    apiVersion: kinds.apiVersion,
    kind: 'DatasetVersion',
    metadata: { name: `mnist-v${sequence}`, namespace },
    spec: { dataset: 'mnist', tags },
    status: {
      phase: 'Committed',
      sequence,
      version: `v${sequence}`,
      digest: digest('a'),
      files: 10,
      bytes: 100 * 2 ** 20,
      committedAt: `2026-01-0${sequence}T00:00:00Z`,
    },
  }) as DatasetVersion

const claims = (api: ModelApi) => api.all<ClaimObject>(kinds.Claim).map((claim) => claim.metadata.name)
const run = (api: ModelApi, horizon = 60_000) =>
  drive(api, {
    controllers: () => [datasetController(config) as never, ...helpers()],
    indexes: withHelpers(indexes),
    actors: [calmMover(() => '')],
    horizon,
  })
const change = (api: ModelApi, alter: (object: Dataset) => void) =>
  api.change<Dataset>(kinds.Dataset, namespace, 'mnist', alter)

test('the newest versions and the pinned ones have a claim each', async () => {
  const volume = { storageClassName: 'fast', keep: 2, pins: ['prod', 'v9'] }
  const api = modelWith(
    provider(),
    dataset({ volume }),
    committed(1, ['prod']),
    committed(2),
    committed(3),
    committed(4),
  )
  await run(api)
  expect(claims(api)).toEqual(['mnist-v1', 'mnist-v3', 'mnist-v4'])
  const claim = api.find<ClaimObject>(kinds.Claim, namespace, 'mnist-v4')
  expect(claim).toMatchObject({
    metadata: {
      labels: {
        'app.kubernetes.io/managed-by': 'granary',
        'granary.dev/role': 'version',
        'granary.dev/dataset': 'mnist',
        'granary.dev/version': 'v4',
      },
      annotations: { 'granary.dev/access': 'ReadOnly', 'granary.dev/bind': 'Immediate' },
      ownerReferences: [{ kind: 'Dataset', name: 'mnist' }],
    },
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'fast',
      resources: { requests: { storage: '107Mi' } },
      dataSourceRef: { apiGroup: 'granary.dev', kind: 'DatasetVersion', name: 'mnist-v4' },
    },
  })
  const status = () => api.find<Dataset>(kinds.Dataset, namespace, 'mnist')?.status
  expect(status()?.volumes?.map(({ name, phase }) => `${name} ${phase}`)).toEqual([
    'mnist-v1 Filling',
    'mnist-v3 Filling',
    'mnist-v4 Filling',
  ])
  api.change<ClaimObject>(kinds.Claim, namespace, 'mnist-v4', (object) => {
    object.status = { phase: 'Bound' }
  })
  await run(api)
  expect(status()?.volumes?.find((kept) => kept.version === 'v4')?.phase).toBe('Ready')
})

test('a claim beyond keep goes when it was unused for idleTTL, and comes back for a pod that names it', async () => {
  const api = modelWith(provider(), dataset({ volume: { keep: 1, idleTTL: '1h' } }), committed(1))
  await run(api)
  expect(claims(api)).toEqual(['mnist-v1'])
  api.seed(writer('reader', 'mnist-v1'))
  api.seed(committed(2))
  await run(api, 10_000_000)
  expect(claims(api)).toEqual(['mnist-v1', 'mnist-v2'])
  api.remove(kinds.Pod, namespace, 'reader')
  await run(api, 1_000_000)
  expect(claims(api)).toEqual(['mnist-v1', 'mnist-v2'])
  await run(api, 10_000_000)
  expect(claims(api)).toEqual(['mnist-v2'])
  api.seed({ ...writer('late', 'mnist-v1'), status: { phase: 'Pending' } } as PodObject)
  await run(api)
  expect(claims(api)).toEqual(['mnist-v1', 'mnist-v2'])
})

test('a claim of that name that somebody else made is left alone, and said', async () => {
  const api = modelWith(provider(), dataset({ volume: {} }), committed(1))
  api.seed({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name: 'mnist-v1', namespace },
    spec: {},
  } as ClaimObject)
  const { events } = await run(api)
  expect(events.some((event) => event.reason === 'NameTaken')).toBe(true)
  expect(api.find<ClaimObject>(kinds.Claim, namespace, 'mnist-v1')?.metadata.labels).toBeUndefined()
})

test('a class that is known for many readers gets ReadOnlyMany; spec.volume.accessModes wins', async () => {
  const classOf = (name: string, provisioner: string) => ({
    apiVersion: 'storage.k8s.io/v1',
    kind: 'StorageClass',
    metadata: { name },
    provisioner,
  })
  const api = modelWith(provider(), dataset({ volume: { storageClassName: 'share' } }), committed(1))
  api.seed(classOf('share', 'nfs.csi.k8s.io'))
  await run(api)
  expect(api.find<ClaimObject>(kinds.Claim, namespace, 'mnist-v1')?.spec?.accessModes).toEqual(['ReadOnlyMany'])
  change(api, (object) => {
    object.spec.volume = { keep: 1, idleTTL: '1h', accessModes: ['ReadWriteMany'], size: '20Gi' }
  })
  api.seed(committed(2))
  await run(api)
  expect(api.find<ClaimObject>(kinds.Claim, namespace, 'mnist-v2')?.spec).toMatchObject({
    accessModes: ['ReadWriteMany'],
    resources: { requests: { storage: '20Gi' } },
  })
})

test('a quota that refuses a claim does not hold up numbers and looks', async () => {
  const api = modelWith(provider(), dataset({ volume: {} }), committed(1))
  api.admission = (object) => (object.kind === 'PersistentVolumeClaim' ? 'exceeded quota: claims' : undefined)
  await run(api)
  api.seed({
    apiVersion: kinds.apiVersion,
    kind: 'DatasetVersion',
    metadata: { name: 'by-hand', namespace },
    spec: { dataset: 'mnist' },
  } as DatasetVersion)
  const { events } = await run(api)
  expect(api.find<DatasetVersion>(kinds.DatasetVersion, namespace, 'by-hand')?.status?.sequence).toBe(2)
  expect(events.find((event) => event.reason === 'QuotaExceeded')?.message).toContain('exceeded quota: claims')
})

test('a snapshot stays while its version is kept, and goes when it is beyond keep and was idle for long enough', async () => {
  const snapshot = (sequence: number): Snapshot => ({
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: {
      name: `mnist-v${sequence}`,
      namespace,
      labels: { 'granary.dev/role': 'snapshot', 'granary.dev/dataset': 'mnist', 'granary.dev/version': `v${sequence}` },
    },
    spec: { volumeSnapshotClassName: 'snap', source: { persistentVolumeClaimName: 'prime' } },
  })
  const volume = { storageClassName: 'fast', keep: 1, idleTTL: '24h' }
  const api = modelWith(provider(), dataset({ volume }), committed(1), committed(2), snapshot(1), snapshot(2))
  const names = () => api.all(kinds.VolumeSnapshot).map(({ metadata }) => metadata.name)
  await run(api)
  expect(names()).toEqual(['mnist-v1', 'mnist-v2'])
  await run(api, 25 * 3_600_000)
  expect(names()).toEqual(['mnist-v2'])
})
