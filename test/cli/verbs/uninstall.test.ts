import { beforeEach, expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { annotations, finalizers, labels } from '../../../src/api/names.ts'
import type { Claim, Volume } from '../../../src/desired/volumes.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { personAt, visionApi } from '../context.ts'

const home = 'granary-system'
const own = { 'app.kubernetes.io/name': 'granary', 'app.kubernetes.io/component': 'operator' }
const seed = (api: ModelApi, object: object) => api.seed(object as KubeObject)

const claim = (api: ModelApi, name: string, finalizer: string) => {
  const metadata = {
    name,
    namespace: 'vision',
    uid: `uid-${name}`,
    finalizers: ['kubernetes.io/pvc-protection', finalizer],
  }
  seed(api, { apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata, spec: { volumeName: `pv-${name}` } })
  seed(api, {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: `pv-${name}`, annotations: { [annotations.reclaimPolicy]: 'Delete' } },
    spec: {
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: { namespace: 'vision', name, uid: `uid-${name}` },
    },
  })
}

let api: ModelApi
beforeEach(() => {
  api = visionApi()
  seed(api, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: home } })
  seed(api, {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name: 'granary', namespace: home },
    spec: { replicas: 1 },
  })
  seed(api, { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'granary-x', namespace: home, labels: own } })
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ metadata }) => {
    metadata.finalizers = ['somebody.else/holds', finalizers.dataset]
  })
  api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v1', ({ metadata }) => {
    metadata.finalizers = [finalizers.version]
  })
  claim(api, 'filling', finalizers.populate)
  claim(api, 'out', finalizers.finalize)
  seed(api, {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: { name: 'granary-import-x-1', namespace: 'vision', labels: { [labels.role]: 'mover' } },
  })
})

/** The kubelet and the Deployment's controller. */
const each = () => {
  const { spec } = api.find<KubeObject & { spec: { replicas: number } }>(kinds.Deployment, home, 'granary') ?? {}
  if (spec?.replicas === 0 && api.find(kinds.Pod, home, 'granary-x')) api.remove(kinds.Pod, home, 'granary-x')
}
const writes = (firstUsedAt?: string) =>
  api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', (one) => {
    one.status = { ...one.status, phase: 'Running', claimName: 'out', ...(firstUsedAt && { firstUsedAt }) }
  })
const policyOf = (name: string) =>
  api.find<Volume>(kinds.Volume, undefined, `pv-${name}`)?.spec.persistentVolumeReclaimPolicy

test('nothing is held any more but by others, movers are gone, policies are as they were', async () => {
  writes()
  const { out, code, notes } = await personAt(api, { each }).type('uninstall')
  expect([code, notes]).toEqual([0, 'the operator stops: pod granary-x'])
  expect(out).toContain('1 datasetversions, 1 datasets, 0 storageproviders')
  expect(api.find(kinds.Dataset, 'vision', 'mnist')?.metadata.finalizers).toEqual(['somebody.else/holds'])
  for (const object of api.all<Claim>(kinds.Claim))
    expect(object.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection'])
  expect([policyOf('filling'), policyOf('out')]).toEqual(['Delete', 'Delete'])
  expect(api.all(kinds.Job)).toEqual([])
})

test('bytes that are nowhere else are named and refused; with --release their volume stays', async () => {
  writes('2026-01-01T00:00:00Z')
  const refused = await personAt(api, { each }).type('uninstall')
  expect([refused.code, refused.notes]).toEqual([
    5,
    expect.stringContaining('DatasetVersion vision/mnist-v3 (Running)'),
  ])
  expect(api.find(kinds.Pod, home, 'granary-x')).toBeDefined()
  const { out, code } = await personAt(api, { each }).type('uninstall --release')
  expect([code, out]).toEqual([0, expect.stringContaining('PersistentVolume pv-out has bytes that are nowhere else')])
  expect([policyOf('filling'), policyOf('out')]).toEqual(['Delete', 'Retain'])
})
