import { expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import type { ClaimObject } from '../../../src/desired/objects.ts'
import type { KubeObject } from '../../../src/kube/types.ts'
import { drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { calmMover, config, dataset, digest, modelWith, namespace, provider } from './actors.ts'

const committed = (sequence: number): DatasetVersion =>
  ({
    apiVersion: kinds.apiVersion,
    kind: 'DatasetVersion',
    metadata: { name: `mnist-v${sequence}`, namespace },
    spec: { dataset: 'mnist', tags: sequence === 1 ? ['prod'] : [] },
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

const alias = (spec: object = {}, target: object = { namespace, name: 'mnist' }): KubeObject =>
  ({
    apiVersion: kinds.apiVersion,
    kind: 'Dataset',
    metadata: { name: 'ours', namespace: 'serving' },
    spec: { source: { dataset: target }, ...spec },
  }) as KubeObject

const allowed = { allowedNamespaces: { selector: { matchLabels: { team: 'a' } }, maxFills: 4 } }

const scene = (...objects: KubeObject[]): ModelApi => {
  const api = modelWith(provider(), ...objects)
  api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'serving', labels: { team: 'a' } } })
  return api
}
const run = (api: ModelApi, horizon = 30_000) =>
  drive(api, {
    controllers: () => [datasetController(config) as never],
    indexes,
    actors: [calmMover(() => '')],
    horizon,
  })
const status = (api: ModelApi) => api.find<Dataset>(kinds.Dataset, 'serving', 'ours')?.status
const ready = (api: ModelApi) => status(api)?.conditions?.find(({ type }) => type === 'Ready')

test('an alias shows the other Dataset, makes nothing of its own, and keeps volumes in its own namespace', async () => {
  const api = scene(dataset(allowed), committed(1), committed(2), alias({ volume: { keep: 1, pins: ['prod'] } }))
  await run(api)
  expect(status(api)).toMatchObject({
    source: 'vision/mnist',
    latest: { version: 'v2' },
    tags: [{ name: 'prod', version: 'v1' }],
  })
  expect(ready(api)).toMatchObject({ status: 'True', message: 'The latest version is v2.' })
  expect(status(api)).not.toHaveProperty('store')
  expect(status(api)).not.toHaveProperty('nextSequence')
  const claims = api.all<ClaimObject>(kinds.Claim)
  expect(claims.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual([
    'serving/ours-v1',
    'serving/ours-v2',
  ])
  expect(claims[1]).toMatchObject({
    metadata: {
      annotations: { 'granary.dev/from-namespace': 'vision', 'granary.dev/version': 'v2' },
      ownerReferences: [{ kind: 'Dataset', name: 'ours' }],
    },
    spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: 'mnist' } },
  })
  api.seed(committed(3))
  await run(api)
  expect(status(api)?.latest?.version).toBe('v3')
  expect(api.find(kinds.Claim, 'serving', 'ours-v3')).toBeDefined()
})

test('without permission it says so in the same words as for a Dataset that is not there, and hears of it', async () => {
  const api = scene(dataset(), committed(1), alias({ volume: {} }))
  await run(api)
  const said = ready(api)
  expect(said).toMatchObject({ status: 'False', reason: 'AccessDenied' })
  expect(status(api)).not.toHaveProperty('latest')
  const missing = scene(alias({}, { namespace, name: 'nist' }))
  await run(missing)
  expect(ready(missing)?.message.replace('nist', 'mnist')).toBe(said?.message)
  api.change<Dataset>(kinds.Dataset, namespace, 'mnist', ({ spec }) => {
    Object.assign(spec, allowed)
  })
  await run(api)
  expect(ready(api)?.status).toBe('True')
  expect(api.all(kinds.Claim)).toHaveLength(1)
  api.change(kinds.Namespace, undefined, 'serving', ({ metadata }) => {
    metadata.labels = {}
  })
  await run(api)
  expect(ready(api)).toMatchObject({ status: 'False', reason: 'AccessDenied' })
  expect(status(api)).not.toHaveProperty('latest')
  // What was made with the permission stays; nothing new is made.
  expect(api.all(kinds.Claim)).toHaveLength(1)
})

test('a claim that names a Dataset elsewhere opens no version of one that has the same name here', async () => {
  const api = scene(dataset(allowed), dataset({}, 'other'))
  api.seed({ ...dataset({}, 'mnist'), metadata: { name: 'mnist', namespace: 'serving' } })
  api.seed({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'out',
      namespace: 'serving',
      annotations: { 'granary.dev/access': 'ReadWrite', 'granary.dev/from-namespace': namespace },
    },
    spec: { dataSourceRef: { apiGroup: kinds.group, kind: 'Dataset', name: 'mnist' } },
  } as ClaimObject)
  await run(api)
  expect(api.all(kinds.DatasetVersion)).toEqual([])
})
