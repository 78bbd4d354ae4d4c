import { describe, expect, test } from 'vitest'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { annotations } from '../../../src/api/names.ts'
import type { ClaimObject, JobObject } from '../../../src/desired/objects.ts'
import type { Snapshot } from '../../../src/desired/snapshot.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  type Asked,
  house,
  inTurn,
  movers,
  ns,
  once,
  options,
  output,
  pod,
  statusOf,
  succeeds,
  version,
} from './scene.ts'

const uidOf = (api: ModelApi) => api.find(kinds.DatasetVersion, ns, 'from-workspace')?.metadata.uid
const snapshots = (api: ModelApi) => api.all<Snapshot>(kinds.VolumeSnapshot)

/** The claim `out` with a notebook that goes on, and a version that takes what is on it. */
const workspace = (more: { live?: boolean; driver?: string } = {}): ModelApi => {
  const api = house()
  output(api)
  api.remove(kinds.DatasetVersion, ns, 'mnist-v2')
  api.change<ClaimObject>(kinds.Claim, ns, 'out', (it) => {
    it.spec = { ...it.spec, storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } }
  })
  const storage = { apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name: 'fast' } }
  api.seed({ ...storage, provisioner: 'model.csi' } as KubeObject)
  api.seed({
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'snap' },
    driver: more.driver ?? 'model.csi',
  } as KubeObject)
  const from = { claim: { name: 'out', ...(more.live ? { live: true } : {}) } }
  api.seed(version('from-workspace', 3, { from }))
  api.seed(pod('notebook', 'Running'))
  return api
}

const cutter =
  (status: Snapshot['status'] = { readyToUse: true, restoreSize: '2Gi' }) =>
  (api: ModelApi): boolean => {
    const due = snapshots(api).filter((one) => one.status === undefined)
    for (const { metadata } of due)
      api.change<Snapshot>(kinds.VolumeSnapshot, ns, metadata.name, (it) => {
        it.status = { ...status }
      })
    return due.length > 0
  }

const mounted = (api: ModelApi): string[] =>
  api
    .all<
      JobObject & { spec: { template: { spec: { volumes: { persistentVolumeClaim?: { claimName: string } }[] } } } }
    >(kinds.Job)
    .flatMap((job) => job.spec.template.spec.volumes.flatMap((one) => one.persistentVolumeClaim?.claimName ?? []))

describe('a version of a workspace', () => {
  test('is read from a snapshot while its notebook goes on; the copy goes', async () => {
    const api = workspace()
    const asked: Asked = []
    const seen = new Set<string>()
    const watch = (model: ModelApi) => {
      for (const claim of mounted(model)) seen.add(claim)
      return false
    }
    await drive(api, { ...options, actors: [inTurn(watch, cutter(), movers(succeeds, asked))], limit: 500 })
    expect(statusOf(api, 'from-workspace')).toMatchObject({ phase: 'Committed', strategy: { used: 'Snapshot' } })
    expect([...seen]).toEqual([`from-${uidOf(api)}`])
    expect(snapshots(api)).toEqual([])
    expect(api.all<ClaimObject>(kinds.Claim).map(({ metadata }) => metadata.name)).toEqual(['out'])
  })

  test('is made once, whatever call the operator dies at', async () => {
    const tried = await crashEverywhere(workspace, {
      ...options,
      actors: [inTurn(cutter(), movers(succeeds, []))],
      check: (api) => {
        expect(statusOf(api, 'from-workspace')?.phase).toBe('Committed')
        expect(snapshots(api)).toEqual([])
        expect(api.all(kinds.Claim)).toHaveLength(1)
      },
    })
    expect(tried).toBeGreaterThan(15)
  })

  test.each([
    ['there are no snapshots', { driver: 'other.csi' }, undefined],
    ['the snapshot fails', {}, { readyToUse: false, error: { message: 'the array is full' } }],
  ])('waits until no pod writes where %s', async (_, more, status) => {
    const api = workspace(more)
    const asked: Asked = []
    const ends = once((model) => {
      expect(asked).toEqual([])
      model.remove(kinds.Pod, ns, 'notebook')
    })
    await drive(api, { ...options, actors: [inTurn(cutter(status), movers(succeeds, asked), ends)], limit: 500 })
    expect(statusOf(api, 'from-workspace')?.phase).toBe('Committed')
  })

  test('does not wait with live, where there are no snapshots', async () => {
    const api = workspace({ driver: 'other.csi', live: true })
    await drive(api, { ...options, actors: [inTurn(movers(succeeds, []))], limit: 500 })
    expect(statusOf(api, 'from-workspace')?.phase).toBe('Committed')
    expect(api.find(kinds.Pod, ns, 'notebook')).toBeDefined()
  })
})

describe('a version that nobody commits', () => {
  const uncommitted = (spec: object = {}): ModelApi => {
    const api = house({ retention: { uncommittedTTL: '48h' } })
    const releasedAt = new Date(api.now).toISOString().replace(/\.\d+Z/, 'Z')
    api.seed(
      version(
        'hand',
        2,
        { commit: 'Manual', ...spec },
        {
          annotations: { [annotations.claim]: 'out' },
          status: { phase: 'Uncommitted', releasedAt, firstUsedAt: releasedAt, claimName: 'out' },
        },
      ),
    )
    api.seed({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'out', namespace: ns },
      status: { phase: 'Bound' },
    } as ClaimObject)
    return api
  }
  const phase = (api: ModelApi) => api.find<DatasetVersion>(kinds.DatasetVersion, ns, 'hand')?.status?.phase
  const hours = (n: number) => n * 3_600_000

  test('expires after uncommittedTTL, announced a day before', async () => {
    const api = uncommitted()
    const early = await drive(api, { ...options, horizon: hours(23) })
    expect(early.events.map(({ reason }) => reason)).not.toContain('ExpiresSoon')
    api.now += hours(23)
    const later = await drive(api, { ...options, horizon: hours(2) })
    expect(later.events.filter(({ reason }) => reason === 'ExpiresSoon')).toHaveLength(1)
    expect(phase(api)).toBe('Uncommitted')
    api.now += hours(2)
    await drive(api, { ...options, horizon: hours(25) })
    expect(phase(api)).toBe('Expired')
    expect(api.find(kinds.Claim, ns, 'out')).toBeDefined()
  })

  test('stays while a pod writes to it', async () => {
    const api = uncommitted()
    api.seed(pod('notebook', 'Running'))
    await drive(api, { ...options, horizon: hours(100) })
    expect(phase(api)).not.toBe('Expired')
  })
})
