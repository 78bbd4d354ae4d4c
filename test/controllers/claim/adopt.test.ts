import { expect, test } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import { adoptIntoAnnotation, type Claim } from '../../../src/desired/volumes.ts'
import { type Actor, crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster, type ModelVolume } from './cluster.ts'
import { config, dataset, model } from './seeds.ts'

const options = (...actors: Actor[]) => ({
  controllers: () => [claimController(config)],
  indexes,
  actors: [...actors, ...cluster()],
})

/** Bytes whose namespace is gone. */
const rescued = (into: string): ModelApi => {
  const labelled = dataset()
  labelled.metadata.namespace = 'serving'
  const api = model(labelled)
  const spec = {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'now',
  }
  const claim = api.seed<Claim>({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'rescue-1',
      namespace: 'granary-rescue',
      labels: { 'app.kubernetes.io/managed-by': 'granary', 'granary.dev/role': 'rescue' },
      annotations: {
        'granary.dev/rescued': JSON.stringify({
          namespace: 'gone',
          dataset: 'mnist',
          name: 'mnist-v3',
          uid: 'x',
          message: 'labels',
        }),
        [adoptIntoAnnotation]: into,
      },
      finalizers: ['granary.dev/finalize'],
    },
    spec: { ...spec, volumeName: 'pv-1' },
    status: { phase: 'Bound' },
  })
  api.seed<ModelVolume>({
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: 'pv-1', annotations: { 'granary.dev/reclaim-policy': 'Delete' } },
    spec: {
      capacity: { storage: '1Gi' },
      accessModes: ['ReadWriteOnce'],
      storageClassName: 'now',
      persistentVolumeReclaimPolicy: 'Retain',
      claimRef: {
        kind: 'PersistentVolumeClaim',
        namespace: 'granary-rescue',
        name: 'rescue-1',
        uid: claim.metadata.uid!,
      },
      csi: { driver: 'model.csi' },
    },
    status: { phase: 'Bound', content: 'the output' },
  })
  return api
}

/** Commits what can be mounted, and takes the version's own claim away, as the version controller does. */
const commits: Actor = (api) => {
  const version = api
    .all<DatasetVersion>(kinds.DatasetVersion, 'serving')
    .find(({ metadata }) => metadata.name.includes('-rescued-'))
  const name = version?.metadata.annotations?.['granary.dev/claim'] ?? ''
  const claim = api.find<Claim>(kinds.Claim, 'serving', name)
  if (version === undefined || claim?.status?.phase !== 'Bound') return false
  if (version.status?.phase !== 'Committed') {
    const content = api.find<ModelVolume>(kinds.Volume, undefined, claim.spec.volumeName!)?.status.content
    if (content !== 'the output') throw new Error(`would commit ${content}`)
    api.change<DatasetVersion>(kinds.DatasetVersion, 'serving', version.metadata.name, (object) => {
      object.status = { ...object.status, phase: 'Committed', sequence: 7 }
    })
    return true
  }
  if (claim.metadata.deletionTimestamp !== undefined) return false
  api.remove(kinds.Claim, 'serving', name)
  return true
}

test('a rescue claim is adopted: committed in a living namespace, whatever call the operator dies at', async () => {
  await crashEverywhere(() => rescued('serving/mnist'), {
    ...options(commits),
    check: (api) => {
      const version = api
        .all<DatasetVersion>(kinds.DatasetVersion, 'serving')
        .find(({ metadata }) => metadata.name.includes('-rescued-'))
      expect(version?.status?.phase).toBe('Committed')
      expect(version?.spec).toMatchObject({ dataset: 'mnist', message: 'labels', committed: true })
      expect(api.all(kinds.Claim)).toEqual([])
      expect(api.all(kinds.Volume)).toEqual([])
    },
  })
})

test.each(['serving/nist', 'gone/mnist', 'mnist'])('and stays where it is when there is no %s', async (into) => {
  const api = rescued(into)
  await drive(api, { ...options(commits), horizon: 60_000 })
  const [claim, ...more] = api.all<Claim>(kinds.Claim)
  expect(more).toEqual([])
  expect(claim?.metadata.annotations?.['granary.dev/waiting']).toMatch(/^DatasetNotFound: /)
  expect(claim?.status?.phase).toBe('Bound')
})
