import { expect, test } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { annotations } from '../../../src/api/names.ts'
import type { Snapshot } from '../../../src/desired/snapshot.ts'
import type { Strategy } from '../../../src/desired/strategy.ts'
import { drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { house, ns, options, sha, statusOf, version } from './scene.ts'

const committed = () =>
  version('mnist-v1', 1, {}, { status: { phase: 'Committed', digest: sha('a'), rootDigest: sha('b'), files: 1 } })

const filled = (name: string, strategy: Strategy, labels: Record<string, string> = {}): KubeObject => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name,
    namespace: ns,
    labels,
    annotations: {
      [annotations.resolved]: JSON.stringify({
        ref: `${ns}/mnist:v1`,
        namespace: ns,
        dataset: 'mnist',
        version: 'v1',
        digest: sha('a'),
      }),
      [annotations.strategy]: JSON.stringify(strategy),
    },
  },
})

const snapshot = (api: ModelApi): Snapshot => ({
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshot',
  metadata: {
    name: 'mnist-v1',
    namespace: ns,
    labels: {
      'granary.dev/role': 'snapshot',
      'granary.dev/owner-uid': api.find<DatasetVersion>(kinds.DatasetVersion, ns, 'mnist-v1')?.metadata.uid ?? '',
    },
  },
  spec: { volumeSnapshotClassName: 'snap', source: { persistentVolumeClaimName: 'prime' } },
})

test('how volumes of a committed version are filled is in its status: as the claim that the Dataset keeps', async () => {
  const api = house()
  api.seed(committed())
  api.seed(filled('somebody', { used: 'Copy', reason: 'Filled from the store.', reach: 'OneNode' }))
  await drive(api, options)
  expect(statusOf(api, 'mnist-v1')).toMatchObject({ strategy: { used: 'Copy' }, reach: 'OneNode' })
  const kept: Strategy = { used: 'Snapshot', reason: 'Restored from VolumeSnapshot mnist-v1.', reach: 'ManyNodes' }
  api.seed(filled('mnist-v1', kept, { 'granary.dev/role': 'version' }))
  await drive(api, options)
  expect(statusOf(api, 'mnist-v1')).toMatchObject({
    strategy: { used: 'Snapshot', reason: 'Restored from VolumeSnapshot mnist-v1.' },
    reach: 'ManyNodes',
  })
})

test('a snapshot is listed, ready or not, and still when it was deleted underneath', async () => {
  const api = house()
  api.seed(committed())
  api.seed(snapshot(api))
  const listed = () => statusOf(api, 'mnist-v1')?.snapshots
  await drive(api, options)
  expect(listed()).toEqual([{ class: 'snap', name: 'mnist-v1', ready: false }])
  api.change<Snapshot>(kinds.VolumeSnapshot, ns, 'mnist-v1', (it) => {
    it.status = { readyToUse: true }
  })
  await drive(api, options)
  expect(listed()).toEqual([{ class: 'snap', name: 'mnist-v1', ready: true }])
  api.remove(kinds.VolumeSnapshot, ns, 'mnist-v1')
  await drive(api, options)
  expect(listed()).toEqual([{ class: 'snap', name: 'mnist-v1', ready: false }])
})
