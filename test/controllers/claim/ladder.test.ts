import { describe, expect, test } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import type { PodObject } from '../../../src/desired/objects.ts'
import { strategyOf } from '../../../src/desired/strategy.ts'
import type { Claim } from '../../../src/desired/volumes.ts'
import { type Actor, crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster } from './cluster.ts'
import { claim, config, dataset, datasetVersion, model, pod, storageClass } from './seeds.ts'
import { type ModelSnapshot, type ModelVolume, snapshotClass, snapshotter } from './storage.ts'

const options = (actors: Actor[] = cluster()) => ({ controllers: () => [claimController(config)], indexes, actors })
const keepsVolumes = dataset({ volume: { keep: 1, idleTTL: '72h' } })
const snapshots = (api: ModelApi) => api.all<ModelSnapshot>(kinds.VolumeSnapshot)

const found = (api: ModelApi, name = 'data') => {
  const it = api.find<Claim>(kinds.Claim, 'vision', name)!
  const volume = api.find<ModelVolume>(kinds.Volume, undefined, it.spec.volumeName ?? '')
  return {
    phase: it.status?.phase,
    strategy: strategyOf(it),
    content: volume?.status.content,
    found: volume?.status.found,
  }
}

/** A snapshot of v2 that was there before. */
const earlier = (status: object = { readyToUse: true, restoreSize: '2Gi', content: 'ReadOnly v2' }) =>
  ({
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshot',
    metadata: {
      name: 'mnist-v2',
      namespace: 'vision',
      labels: {
        'app.kubernetes.io/managed-by': 'granary',
        'granary.dev/role': 'snapshot',
        'granary.dev/owner-uid': 'DatasetVersion-mnist-v2',
      },
    },
    spec: { volumeSnapshotClassName: 'snap', source: { persistentVolumeClaimName: 'prime-x' } },
    status,
  }) as ModelSnapshot

/** With a snapshot that belongs to the model's v2. */
const withSnapshot = (status?: object, ...objects: Parameters<typeof model>): ModelApi => {
  const api = model(keepsVolumes, snapshotClass(), ...objects)
  const owner = api.find(kinds.DatasetVersion, 'vision', 'mnist-v2')!.metadata.uid!
  const snapshot = earlier(status)
  snapshot.metadata.labels!['granary.dev/owner-uid'] = owner
  api.seed(snapshot)
  return api
}

describe('the first volume of a version', () => {
  test('is filled from the store and snapshotted when its mover is gone, before anybody can use it', async () => {
    const wild: string[] = []
    const api = model(keepsVolumes, snapshotClass(), claim())
    await drive(api, options([snapshotter(wild), ...cluster()]))
    expect(found(api)).toMatchObject({ phase: 'Bound', content: 'ReadOnly v2', strategy: { used: 'Copy' } })
    expect(found(api).strategy?.reason).toBe('Filled from the store: there is no snapshot of v2 yet.')
    const [snapshot, ...more] = snapshots(api)
    expect(more).toEqual([])
    expect(wild).toEqual([])
    expect(snapshot?.metadata).toMatchObject({
      name: 'mnist-v2',
      namespace: 'vision',
      labels: { 'granary.dev/role': 'snapshot', 'granary.dev/version': 'v2' },
      ownerReferences: [{ kind: 'DatasetVersion', name: 'mnist-v2' }],
    })
    expect(snapshot?.status?.content).toBe('ReadOnly v2')
  })

  test.each([
    ['its Dataset keeps no volumes', [snapshotClass()]],
    ['the only class is another driver’s', [keepsVolumes, snapshotClass('snap', 'other.csi')]],
    ['there is no class at all', [keepsVolumes]],
  ])('is not snapshotted when %s', async (_, objects) => {
    const api = model(...objects, claim())
    await drive(api, options())
    expect(found(api)).toMatchObject({ phase: 'Bound', strategy: { used: 'Copy' } })
    expect(snapshots(api)).toEqual([])
  })

  test('is handed over without a snapshot when that fails, and what failed goes', async () => {
    const fails: Actor = (api) => {
      const [snapshot] = snapshots(api).filter(({ status }) => status === undefined)
      if (snapshot === undefined) return false
      api.change<ModelSnapshot>(kinds.VolumeSnapshot, 'vision', snapshot.metadata.name, (it) => {
        it.status = { readyToUse: false, error: { message: 'the array is full' } }
      })
      return true
    }
    const api = model(keepsVolumes, snapshotClass(), claim())
    const { events } = await drive(api, options([fails, ...cluster()]))
    expect(found(api)).toMatchObject({ phase: 'Bound', content: 'ReadOnly v2' })
    expect(snapshots(api)).toEqual([])
    expect(events.map(({ message }) => message).join()).toContain('the array is full')
  })

  test('is made once, whatever call the operator dies at', async () => {
    const tried = await crashEverywhere(() => model(keepsVolumes, snapshotClass(), claim()), {
      ...options(),
      check: (api) => {
        expect(found(api)).toMatchObject({ phase: 'Bound', content: 'ReadOnly v2', strategy: { used: 'Copy' } })
        expect(snapshots(api)).toHaveLength(1)
        expect(snapshots(api)[0]?.status?.content).toBe('ReadOnly v2')
        expect(api.all(kinds.Job)).toEqual([])
        expect(api.all<Claim>(kinds.Claim)).toHaveLength(1)
      },
    })
    expect(tried).toBeGreaterThan(15)
  })
})

describe('the next volumes', () => {
  test('are restored from the snapshot, and checked', async () => {
    const api = withSnapshot(undefined, claim({}, { spec: { accessModes: ['ReadOnlyMany'] } }))
    await drive(api, options())
    expect(found(api)).toMatchObject({
      phase: 'Bound',
      found: 'ReadOnly v2',
      content: 'ReadOnly v2',
      strategy: { used: 'Snapshot', reach: 'ManyNodes', reason: 'Restored from VolumeSnapshot mnist-v2.' },
    })
    expect(api.all<ModelVolume>(kinds.Volume)[0]?.spec.capacity?.storage).toBe('2Gi')
    expect(snapshots(api)).toHaveLength(1)
  })

  test('that are written to start with it as well', async () => {
    const api = withSnapshot(undefined, claim({ 'granary.dev/access': 'Private' }))
    await drive(api, options())
    expect(found(api)).toMatchObject({ found: 'ReadOnly v2', content: 'Working v2', strategy: { used: 'Snapshot' } })
  })

  test('are restored, whatever call the operator dies at', async () => {
    const tried = await crashEverywhere(() => withSnapshot(undefined, claim()), {
      ...options(),
      check: (api) =>
        expect(found(api)).toMatchObject({ phase: 'Bound', found: 'ReadOnly v2', strategy: { used: 'Snapshot' } }),
    })
    expect(tried).toBeGreaterThan(15)
  })

  test('are filled from the store when the snapshot was deleted underneath, and say so', async () => {
    const lost = datasetVersion(2, { snapshots: [{ class: 'snap', name: 'mnist-v2', ready: false }] })
    const api = model(keepsVolumes, snapshotClass(), lost, claim())
    const { events } = await drive(api, options())
    expect(found(api)).toMatchObject({
      content: 'ReadOnly v2',
      found: 'nothing',
      strategy: { used: 'Copy', reason: 'Filled from the store: VolumeSnapshot mnist-v2 is gone.' },
    })
    expect(events).toContainEqual(expect.objectContaining({ type: 'Warning', reason: 'SnapshotUnusable' }))
    expect(snapshots(api)).toHaveLength(1)
  })

  test('wait for the snapshot of the volume that the version was written on, which is checked as its writer', async () => {
    const api = model(keepsVolumes, snapshotClass(), claim())
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v2', ({ status }) => {
      const snapshots = [{ name: 'mnist-v2', class: 'snap', ready: false }]
      const committedAt = new Date(api.now).toISOString()
      Object.assign(status!, { committedAt, snapshots, writer: { runAsUser: 1000 } })
    })
    const users: unknown[] = []
    api.listen((object) => {
      const pod = object as PodObject | undefined
      if (pod?.kind === 'Pod') users.push(pod.spec?.securityContext?.runAsUser)
    })
    let asked = false
    const cuts: Actor = (model) => {
      if (asked) return false
      asked = true
      expect(model.all<Claim>(kinds.Claim).map(({ metadata }) => metadata.name)).toEqual(['data'])
      const snapshot = earlier({ readyToUse: true, content: 'as written' })
      snapshot.metadata.labels!['granary.dev/owner-uid'] = model.find(kinds.DatasetVersion, 'vision', 'mnist-v2')!
        .metadata.uid!
      snapshot.spec.source.persistentVolumeClaimName = 'out'
      model.seed(snapshot)
      return true
    }
    await drive(api, options([cuts, ...cluster()]))
    expect(found(api)).toMatchObject({ phase: 'Bound', found: 'as written', strategy: { used: 'Snapshot' } })
    expect(new Set(users)).toEqual(new Set([1000]))
  })

  test('are filled from the store when the mover may not touch what was restored, and say so', async () => {
    const api = withSnapshot(undefined, claim())
    const refused: Actor = (model) => {
      const mover = model.all<PodObject>(kinds.Pod).find(({ status }) => status?.phase === 'Running')
      const prime = model.all<Claim>(kinds.Claim).find(({ spec }) => spec.dataSourceRef?.kind === 'VolumeSnapshot')
      if (mover === undefined || prime === undefined) return false
      const result = {
        op: 'Populate',
        outcome: 'Failed',
        reason: 'UnreadableFiles',
        message: 'deep/ may not be opened.',
      }
      const { name, namespace } = mover.metadata
      model.change<PodObject>(kinds.Pod, namespace, name, (it) => {
        const terminated = { exitCode: 17, message: JSON.stringify(result) }
        it.status = { phase: 'Failed', containerStatuses: [{ name: 'mover', state: { terminated } }] }
      })
      return true
    }
    const [others, kubelet] = [cluster().slice(0, -1), cluster().at(-1)]
    const { events } = await drive(api, options([...others, refused, kubelet!]))
    expect(found(api)).toMatchObject({
      phase: 'Bound',
      found: 'nothing',
      strategy: { used: 'Copy', failed: ['Snapshot'] },
    })
    expect(events.map(({ message }) => message).join()).toContain('deep/ may not be opened')
    expect(api.all<Claim>(kinds.Claim)).toHaveLength(1)
  })

  test('do not wait long for one that was announced and does not come', async () => {
    const api = model(keepsVolumes, snapshotClass(), claim())
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v2', ({ status }) => {
      const snapshots = [{ name: 'mnist-v2', class: 'snap', ready: false }]
      Object.assign(status!, { committedAt: new Date(api.now).toISOString(), snapshots })
    })
    const start = api.now
    await drive(api, { ...options(), horizon: 120_000 })
    expect(found(api)).toMatchObject({ phase: 'Bound', strategy: { used: 'Copy' } })
    expect(api.now - start).toBeLessThan(120_000)
  })

  test('step down when it goes while it is being restored', async () => {
    const api = withSnapshot(undefined, claim())
    const deletes: Actor = () => {
      if (!api.all<Claim>(kinds.Claim).some(({ spec }) => spec.dataSourceRef?.kind === 'VolumeSnapshot')) return false
      if (snapshots(api).length === 0) return false
      if (snapshots(api)[0]?.metadata.labels?.['granary.dev/role'] === undefined) return false
      api.remove(kinds.VolumeSnapshot, 'vision', 'mnist-v2')
      return true
    }
    await drive(api, options([deletes, ...cluster()]))
    expect(found(api)).toMatchObject({ phase: 'Bound', found: 'nothing', content: 'ReadOnly v2' })
    expect(found(api).strategy).toMatchObject({ used: 'Copy', failed: ['Snapshot'] })
  })

  test('wait for a snapshot that is being cut, not for one that is slow', async () => {
    const api = withSnapshot({ readyToUse: false }, claim())
    await drive(api, options())
    expect(found(api)).toMatchObject({ phase: 'Bound', strategy: { used: 'Copy' } })
    expect(found(api).strategy?.reason).toContain('is not ready yet')
  })
})

describe('a class without snapshots', () => {
  const clones = storageClass('clones', 'Immediate', 'clones.csi')
  const plain = storageClass('plain', 'Immediate', 'plain.csi')

  test('clones a claim of the same version that nobody uses', async () => {
    const api = model(keepsVolumes, clones, claim({}, { name: 'first', spec: { storageClassName: 'clones' } }))
    await drive(api, options())
    api.seed(claim({}, { spec: { storageClassName: 'clones' } }))
    await drive(api, options())
    expect(found(api)).toMatchObject({ found: 'ReadOnly v2', strategy: { used: 'Clone' } })
    expect(found(api).strategy?.reason).toContain('Cloned from claim first')
  })

  test('does not clone what a pod uses', async () => {
    const api = model(keepsVolumes, clones, claim({}, { name: 'first', spec: { storageClassName: 'clones' } }))
    await drive(api, options())
    api.seed(pod('first'))
    api.seed(claim({}, { spec: { storageClassName: 'clones' } }))
    await drive(api, options())
    expect(found(api)).toMatchObject({ found: 'nothing', strategy: { used: 'Copy' } })
  })

  test('is asked for a clone once per version; after that the store is used at once', async () => {
    const at = { spec: { storageClassName: 'plain' } }
    const api = model(keepsVolumes, plain, claim({}, { name: 'first', ...at }))
    await drive(api, options())
    api.seed(claim({}, at))
    await drive(api, options())
    expect(found(api).strategy).toMatchObject({ used: 'Copy', failed: ['Clone'] })
    expect(found(api).strategy?.reason).toContain('plain.csi can not clone')
    const asked = api.all(kinds.Event).length
    api.seed(claim({}, { name: 'third', ...at }))
    await drive(api, options())
    expect(found(api, 'third')).toMatchObject({ phase: 'Bound', strategy: { used: 'Copy' } })
    expect(api.all(kinds.Event)).toHaveLength(asked)
  })

  test('that many nodes can write is filled once and shared', async () => {
    const shared = { storageClassName: 'plain', accessModes: ['ReadWriteMany'] }
    const api = model(keepsVolumes, plain, claim({}, { spec: shared }))
    await drive(api, options())
    expect(found(api).strategy).toMatchObject({ used: 'Shared', reach: 'ManyNodes' })
  })
})
