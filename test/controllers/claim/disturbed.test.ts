import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import type { Claim } from '../../../src/desired/volumes.ts'
import { type Actor, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster, guardVolumes, type ModelVolume } from './cluster.ts'
import { claim, config, datasetVersion, model, pod } from './seeds.ts'

const options = (actors: Actor[]) => ({ controllers: () => [claimController(config)], indexes, actors })

const prime = (api: ModelApi) => api.all<Claim>(kinds.Claim).find(({ metadata }) => metadata.name.startsWith('prime-'))
const removeAll = (api: ModelApi, kind: typeof kinds.Job) => {
  for (const { metadata } of api.all(kind)) {
    if (kind !== kinds.Pod || metadata.labels?.['granary.dev/role'] === 'mover')
      api.remove(kind, metadata.namespace, metadata.name)
  }
}

/** What people and nodes do to a claim that is being filled. */
const disturbances: Record<string, (api: ModelApi) => void> = {
  'the claim is deleted': (api) => api.remove(kinds.Claim, 'vision', 'data'),
  'prime is deleted': (api) => {
    const name = prime(api)?.metadata.name
    if (name !== undefined) api.remove(kinds.Claim, 'vision', name)
  },
  'the Jobs are deleted': (api) => removeAll(api, kinds.Job),
  'the pods of the movers are deleted': (api) => removeAll(api, kinds.Pod),
  'the volume of prime is deleted': (api) => {
    const it = prime(api)
    const volume = api.find<ModelVolume>(kinds.Volume, undefined, it?.spec.volumeName ?? '')
    if (volume !== undefined && volume.spec.claimRef?.uid === it?.metadata.uid)
      api.remove(kinds.Volume, undefined, volume.metadata.name)
  },
  'a new version is committed': (api) => {
    if (!api.find(kinds.DatasetVersion, 'vision', 'mnist-v3')) api.seed(datasetVersion(3))
  },
  'the resolution is wiped off': (api) => {
    if (api.find(kinds.Claim, 'vision', 'data'))
      api.change(kinds.Claim, 'vision', 'data', ({ metadata }) => {
        delete metadata.annotations?.['granary.dev/resolved']
      })
  },
  'nothing happens': () => {},
}

const settings = fc.record({
  mode: fc.constantFrom('now', 'later', 'first'),
  results: fc.array(fc.constantFrom(0, 20), { maxLength: 2 }),
  at: fc.array(
    fc.record({ call: fc.integer({ min: 1, max: 18 }), what: fc.constantFrom(...Object.keys(disturbances)) }),
    { maxLength: 3 },
  ),
  crash: fc.option(fc.record({ call: fc.integer({ min: 1, max: 18 }), when: fc.constantFrom('before', 'after') })),
})

const seeded = (mode: string): ModelApi => {
  const annotations: Record<string, string> = mode === 'first' ? { 'granary.dev/bind': 'Immediate' } : {}
  const it = claim(annotations, { spec: { storageClassName: mode === 'now' ? 'now' : 'later' } })
  return mode === 'later' ? model(it, pod('data')) : model(it)
}

describe('whatever happens to a claim while it is filled', () => {
  test('it ends bound to what it says that it has, or gone; nothing is left, and no volume that is in use goes', async () => {
    await fc.assert(
      fc.asyncProperty(settings, async ({ mode, results, at, crash }) => {
        const api = seeded(mode)
        const broken = guardVolumes(api)
        api.fault = ({ n }) => {
          for (const { call, what } of at) if (call === n) disturbances[what]!(api)
          return crash?.call === n ? (crash.when as 'before') : undefined
        }
        await drive(api, options(cluster(results)))
        expect(broken).toEqual([])
        const it = api.find<Claim>(kinds.Claim, 'vision', 'data')
        expect(api.all(kinds.Job)).toEqual([])
        if (it === undefined || it.metadata.deletionTimestamp !== undefined) {
          expect(it?.metadata.finalizers ?? []).not.toContain('granary.dev/populate')
          return
        }
        expect(it.status?.phase).toBe('Bound')
        expect(it.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection'])
        const volume = api.find<ModelVolume>(kinds.Volume, undefined, it.spec.volumeName!)!
        const resolved = it.metadata.annotations?.['granary.dev/resolved']
        if (resolved !== undefined)
          expect(volume.status.content).toBe(`ReadOnly ${(JSON.parse(resolved) as { version: string }).version}`)
        expect(volume.spec.persistentVolumeReclaimPolicy).toBe('Delete')
        expect(volume.metadata.annotations ?? {}).toEqual({})
        expect(api.all(kinds.Volume)).toHaveLength(1)
        expect(api.all(kinds.Claim)).toHaveLength(1)
      }),
      { numRuns: 60 },
    )
  })
})

describe('a volume that can not come where the pod was placed', () => {
  const placed = () => model(claim({}, { spec: { storageClassName: 'later' } }), pod('data'))

  test('the node is gone: the scheduler chooses again', async () => {
    const api = placed()
    let gone = false
    api.fault = ({ verb, kind }) => {
      if (!gone && verb === 'create' && kind === 'PersistentVolumeClaim') {
        gone = true
        api.remove(kinds.Node, undefined, 'node-1')
        api.seed({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-2' } })
      }
      return undefined
    }
    await drive(api, options(cluster()))
    const it = api.find<Claim>(kinds.Claim, 'vision', 'data')
    expect(it?.status?.phase).toBe('Bound')
    expect(it?.metadata.annotations?.['volume.kubernetes.io/selected-node']).toBe('node-2')
    expect(api.all(kinds.Volume)).toHaveLength(1)
  })

  test('the provisioner refuses the node: prime is made again, with the next choice', async () => {
    const api = placed()
    let refused = false
    const refuses: Actor = () => {
      const it = prime(api)
      if (refused || it === undefined) return false
      refused = true
      api.change(kinds.Claim, 'vision', it.metadata.name, ({ metadata }) => {
        delete metadata.annotations?.['volume.kubernetes.io/selected-node']
      })
      return true
    }
    await drive(api, options([refuses, ...cluster()]))
    expect(refused).toBe(true)
    expect(api.find<Claim>(kinds.Claim, 'vision', 'data')?.status?.phase).toBe('Bound')
    expect(api.all(kinds.Volume)).toHaveLength(1)
  })
})

test('a provisioner that makes no volume is pointed at', async () => {
  const api = model(claim())
  const others = cluster().filter((_, i) => i !== 1)
  await drive(api, options(others))
  const it = api.find<Claim>(kinds.Claim, 'vision', 'data')
  expect(it?.metadata.annotations?.['granary.dev/waiting']).toMatch(/^VolumePending: .*vision\/prime-/)
})

test('a prime of somebody else is not taken for ours', async () => {
  const api = model(claim())
  const uid = api.find(kinds.Claim, 'vision', 'data')!.metadata.uid!
  const forged = claim({}, { name: `prime-${uid}`, namespace: 'serving', spec: {} })
  delete forged.spec.dataSourceRef
  forged.metadata.labels = {
    'app.kubernetes.io/managed-by': 'granary',
    'granary.dev/role': 'prime',
    'granary.dev/owner-uid': uid,
  }
  api.seed(forged)
  await drive(api, options(cluster()))
  const it = api.find<Claim>(kinds.Claim, 'vision', 'data')!
  expect(api.find<ModelVolume>(kinds.Volume, undefined, it.spec.volumeName!)?.status.content).toBe('ReadOnly v2')
  expect(api.find(kinds.Claim, 'serving', forged.metadata.name)).toBeDefined()
})

test('what somebody wrote on a claim about another namespace is not believed', async () => {
  const forged = JSON.stringify({ ref: 'serving/x:v1', namespace: 'serving', dataset: 'x', version: 'v1', digest: 'd' })
  const api = model(claim({ 'granary.dev/resolved': forged }))
  await drive(api, options(cluster()))
  const it = api.find<Claim>(kinds.Claim, 'vision', 'data')!
  expect(JSON.parse(it.metadata.annotations!['granary.dev/resolved']!)).toMatchObject({ ref: 'vision/mnist:latest' })
  expect(api.all(kinds.Claim, 'serving')).toEqual([])
})
