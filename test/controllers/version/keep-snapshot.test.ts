import { describe, expect, test } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import type { ClaimObject } from '../../../src/desired/objects.ts'
import type { Snapshot } from '../../../src/desired/snapshot.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { house, inTurn, job, movers, ns, options, output, pod, statusOf, succeeds } from './scene.ts'

const snapshots = (api: ModelApi) => api.all<Snapshot>(kinds.VolumeSnapshot)

/** The claim `out` of class `fast`, whose Job `train` has succeeded. */
const written = (more: { dataset?: Record<string, unknown>; driver?: string; keptIn?: string } = {}): ModelApi => {
  const api = house(more.dataset ?? { volume: { storageClassName: more.keptIn ?? 'fast' } })
  output(api)
  api.change<ClaimObject>(kinds.Claim, ns, 'out', (it) => {
    it.spec = { ...it.spec, storageClassName: 'fast', resources: { requests: { storage: '1Gi' } } }
  })
  const classOf = (name: string, provisioner: string) =>
    ({ apiVersion: 'storage.k8s.io/v1', kind: 'StorageClass', metadata: { name }, provisioner }) as KubeObject
  api.seed(classOf('fast', 'model.csi'))
  api.seed(classOf('elsewhere', 'other.csi'))
  api.seed({
    apiVersion: 'snapshot.storage.k8s.io/v1',
    kind: 'VolumeSnapshotClass',
    metadata: { name: 'snap' },
    driver: more.driver ?? 'model.csi',
  } as KubeObject)
  api.seed(job('train', 'Complete'))
  api.seed(pod('train-x', 'Succeeded', { owner: job('train') }))
  return api
}

const moversOn = (api: ModelApi) =>
  api
    .all<{ spec?: { volumes?: object[] } } & KubeObject>(kinds.Pod)
    .filter(({ metadata }) => metadata.labels?.['granary.dev/role'] === 'mover')

/** Cuts snapshots, and notes in `wild` those of a volume that a mover has. */
const cutter =
  (status: Snapshot['status'] = { readyToUse: true, restoreSize: '1Gi' }, wild: string[] = []) =>
  (api: ModelApi): boolean => {
    const due = snapshots(api).filter((one) => one.status === undefined)
    for (const { metadata } of due) {
      if (moversOn(api).length > 0) wild.push(metadata.name)
      api.change<Snapshot>(kinds.VolumeSnapshot, ns, metadata.name, (it) => {
        it.status = { ...status }
      })
    }
    return due.length > 0
  }

describe('the volume that a version was written on', () => {
  test('is snapshotted once it is quiet, where the Dataset keeps volumes', async () => {
    const api = written()
    const wild: string[] = []
    const seen: (boolean | undefined)[] = []
    const look = (model: ModelApi) => {
      const status = statusOf(model)
      if (status?.phase === 'Committed') seen.push(status.snapshots?.[0]?.ready)
      return false
    }
    await drive(api, { ...options, actors: [inTurn(look, cutter(undefined, wild), movers(succeeds))] })
    expect(statusOf(api)).toMatchObject({
      phase: 'Committed',
      snapshots: [{ name: 'mnist-v2', class: 'snap', ready: true }],
    })
    expect(snapshots(api).map(({ metadata, spec }) => [metadata.name, spec.source.persistentVolumeClaimName])).toEqual([
      ['mnist-v2', 'out'],
    ])
    expect(wild).toEqual([])
    // Announced with the commit, so that no reader is too fast.
    expect(seen[0]).toBe(false)
  })

  test.each([
    ['the Dataset keeps none', { dataset: {} }],
    ['it keeps them with another driver', { keptIn: 'elsewhere' }],
    ['the driver makes no snapshots', { driver: 'other.csi' }],
  ])('is not snapshotted where %s', async (_, more) => {
    const api = written(more)
    await drive(api, { ...options, actors: [inTurn(cutter(), movers(succeeds))] })
    expect(statusOf(api)?.phase).toBe('Committed')
    expect(statusOf(api)?.snapshots).toBeUndefined()
    expect(snapshots(api)).toEqual([])
  })

  test('is not snapshotted when a pod has it again: what that writes belongs to the next version', async () => {
    const api = written()
    api.listen((object) => {
      const { phase } = (object as { status?: { phase?: string } } | undefined)?.status ?? {}
      if (object?.kind !== 'DatasetVersion' || phase !== 'Committed' || api.find(kinds.Pod, ns, 'again')) return
      api.seed(pod('again', 'Running'))
    })
    const { events } = await drive(api, { ...options, actors: [inTurn(cutter(), movers(succeeds))] })
    expect(statusOf(api)?.phase).toBe('Committed')
    expect(statusOf(api)?.snapshots).toBeUndefined()
    expect(snapshots(api)).toEqual([])
    expect(events.map(({ message }) => message).join()).toContain('pod again uses claim out again')
  })

  test('is given up where the snapshot fails: nothing is left of it, and its version is as it was', async () => {
    const api = written()
    const fails = cutter({ readyToUse: false, error: { message: 'the array is full' } })
    const { events } = await drive(api, { ...options, actors: [inTurn(fails, movers(succeeds))] })
    expect(statusOf(api)?.phase).toBe('Committed')
    expect(snapshots(api)).toEqual([])
    expect(events.map(({ message }) => message).join()).toContain('the array is full')
  })

  test('is snapshotted once, whatever call the operator dies at', async () => {
    const tried = await crashEverywhere(written, {
      ...options,
      actors: [inTurn(cutter(), movers(succeeds))],
      check: (api) => {
        expect(statusOf(api)).toMatchObject({ phase: 'Committed', snapshots: [{ name: 'mnist-v2', ready: true }] })
        expect(snapshots(api)).toHaveLength(1)
        expect(api.all(kinds.Job).map(({ metadata }) => metadata.name)).toEqual(['train'])
      },
    })
    expect(tried).toBeGreaterThan(10)
  })
})
