import { describe, expect, test } from 'vitest'
import * as kinds from '../../../src/api/kinds.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import type { Claim } from '../../../src/desired/volumes.ts'
import { type Actor, crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster, guardVolumes, type ModelVolume } from './cluster.ts'
import { claim, config, dataset, datasetVersion, digestOf, model, pod } from './seeds.ts'

const options = (actors: Actor[] = cluster()) => ({ controllers: () => [claimController(config)], indexes, actors })

/** Times in annotations differ with where it crashed. */
const found = (api: ModelApi, name = 'data', namespace = 'vision') => {
  const it = api.find<Claim>(kinds.Claim, namespace, name)!
  const volume = api.find<ModelVolume>(kinds.Volume, undefined, it.spec.volumeName ?? '')
  return { claim: it, volume, waiting: it.metadata.annotations?.['granary.dev/waiting'] }
}

/** The end that every populated claim must reach. */
const isReady =
  (content: string | undefined, where: { name?: string; namespace?: string } = {}) =>
  (api: ModelApi) => {
    const { claim: it, volume } = found(api, where.name, where.namespace)
    expect(it.status?.phase).toBe('Bound')
    expect(it.metadata.finalizers).toEqual(['kubernetes.io/pvc-protection'])
    expect(it.metadata.annotations).not.toHaveProperty('granary.dev/waiting')
    expect(volume?.status.content).toBe(content)
    expect(volume?.spec.claimRef?.uid).toBe(it.metadata.uid)
    expect(volume?.spec.persistentVolumeReclaimPolicy).toBe('Delete')
    // What a claim of another namespace says of its content, its volume says too.
    const abroad = it.metadata.namespace === 'vision' ? {} : { 'granary.dev/filled-from': 'vision/mnist' }
    expect(volume?.metadata.annotations ?? {}).toEqual(abroad)
    expect(api.all(kinds.Volume)).toHaveLength(1)
    expect(api.all(kinds.Job)).toEqual([])
    expect(api.all<Claim>(kinds.Claim).map(({ metadata }) => metadata.name)).toEqual([it.metadata.name])
  }

describe('a claim is populated', () => {
  test('with the latest version, in a class that binds at once', async () => {
    const api = model(claim())
    const broken = guardVolumes(api)
    await drive(api, options())
    isReady('ReadOnly v2')(api)
    const { claim: it } = found(api)
    expect(JSON.parse(it.metadata.annotations!['granary.dev/resolved']!)).toMatchObject({
      ref: 'vision/mnist:latest',
      dataset: 'mnist',
      version: 'v2',
      digest: digestOf(2),
    })
    expect(it.metadata.annotations!['granary.dev/digest']).toBe(digestOf(2))
    expect(broken).toEqual([])
  })

  test.each([
    ['v1', 'ReadOnly v1'],
    ['prod', 'ReadOnly v1'],
    [`v1@sha256:${digestOf(1).slice(0, 20)}`, 'ReadOnly v1'],
  ])('with version %s', async (version, content) => {
    const api = model(claim({ 'granary.dev/version': version }))
    await drive(api, options())
    isReady(content)(api)
  })

  test('with the version that its dataSourceRef names', async () => {
    const api = model(
      claim({}, { spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'DatasetVersion', name: 'mnist-v1' } } }),
    )
    await drive(api, options())
    isReady('ReadOnly v1')(api)
  })

  test('where its pod was placed, and not before there is one', async () => {
    const api = model(claim({}, { spec: { storageClassName: 'later' } }))
    await drive(api, options())
    expect(found(api).waiting).toMatch(/^WaitingForConsumer: /)
    expect(api.all(kinds.Claim)).toHaveLength(1)
    api.seed(pod('data'))
    await drive(api, options())
    isReady('ReadOnly v2')(api)
    expect(api.find<{ status: { phase: string } } & Claim>(kinds.Pod, 'vision', 'user')?.status.phase).toBe('Running')
  })

  test('before any pod, when it says so', async () => {
    const api = model(claim({ 'granary.dev/bind': 'Immediate' }, { spec: { storageClassName: 'later' } }))
    await drive(api, options())
    isReady('ReadOnly v2')(api)
  })

  test('as a private copy, empty if it says so', async () => {
    const api = model(claim({ 'granary.dev/access': 'Private' }))
    await drive(api, options())
    isReady('Working v2')(api)
    const empty = model(
      claim(
        { 'granary.dev/access': 'Private', 'granary.dev/version': 'none', 'granary.dev/bind': 'Immediate' },
        { spec: { storageClassName: 'later' } },
      ),
    )
    await drive(empty, options())
    isReady(undefined)(empty)
  })

  test('again after its mover failed', async () => {
    const api = model(claim())
    await drive(api, options(cluster([20, 20])))
    isReady('ReadOnly v2')(api)
  })

  test('for many readers: the volume takes no writes', async () => {
    const api = model(claim({}, { spec: { accessModes: ['ReadOnlyMany'] } }))
    await drive(api, options())
    isReady('ReadOnly v2')(api)
    expect(found(api).volume?.spec).toMatchObject({ accessModes: ['ReadOnlyMany'], mountOptions: ['ro'] })
  })

  test('in another namespace that the Dataset allows, without its credentials going there', async () => {
    const foreign = claim({ 'granary.dev/from-namespace': 'vision' }, { namespace: 'serving' })
    const api = model(foreign, dataset({ allowedNamespaces: { selector: { matchLabels: { team: 'serving' } } } }))
    const namespaces = new Set<string | undefined>()
    api.listen((object) => object?.kind === 'Job' && namespaces.add(object.metadata.namespace))
    await drive(api, options())
    isReady('ReadOnly v2', { namespace: 'serving' })(api)
    expect([...namespaces]).toEqual(['vision'])
  })
})

describe('a claim waits and says why', () => {
  const small = claim({}, { spec: { resources: { requests: { storage: '1Mi' } } } })
  test.each([
    [
      'no such Dataset',
      [claim({}, { spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: 'nist' } } })],
      /^DatasetNotFound: .*no Dataset nist/,
    ],
    ['no such version', [claim({ 'granary.dev/version': 'v7' })], /^VersionNotFound: /],
    ['no such tag', [claim({ 'granary.dev/version': 'beta' })], /^VersionNotFound: /],
    [
      'a version on its way',
      [claim({ 'granary.dev/version': 'v3' }), datasetVersion(3, { phase: 'Running' })],
      /^VersionOnItsWay: .*mnist-v3 is Running/,
    ],
    [
      'a tag on its way',
      [claim({ 'granary.dev/version': 'beta' }), datasetVersion(3, { phase: 'Running' }, { spec: { tags: ['beta'] } })],
      /^VersionOnItsWay: /,
    ],
    ['another digest', [claim({ 'granary.dev/version': `v1@sha256:${'a'.repeat(12)}` })], /^VersionNotFound: .*digest/],
    ['too small', [small], /^InsufficientSpace: .*storage: 3Mi/],
    ['no such class', [claim({}, { spec: { storageClassName: 'fast' } })], /^ClassNotFound: .*fast/],
    [
      'a namespace that may not',
      [claim({ 'granary.dev/from-namespace': 'vision' }, { namespace: 'serving' })],
      /^AccessDenied: /,
    ],
    [
      'an output elsewhere',
      [
        claim({ 'granary.dev/from-namespace': 'vision', 'granary.dev/access': 'ReadWrite' }, { namespace: 'serving' }),
        dataset({ allowedNamespaces: { names: ['serving'] } }),
      ],
      /^AccessDenied: .*Outputs/,
    ],
    ['a word that means nothing', [claim({ 'granary.dev/access': 'Write' })], /^InvalidSpec: /],
    ['a block device', [claim({}, { spec: { volumeMode: 'Block' } })], /^InvalidSpec: /],
    ['no store', [claim(), dataset({}, { store: undefined })], /^NoStore: /],
  ])('%s', async (_, objects, sentence) => {
    const api = model(...objects)
    const { events } = await drive(api, { ...options(), horizon: 120_000 })
    const namespace = objects[0]!.metadata.namespace
    expect(found(api, 'data', namespace).waiting).toMatch(sentence)
    expect(api.all(kinds.Job)).toEqual([])
    expect(events).toHaveLength(1)
  })

  test('and goes on when what it waits for is there', async () => {
    const api = model(claim({ 'granary.dev/version': 'v3' }))
    await drive(api, { ...options(), horizon: 20_000 })
    api.seed(datasetVersion(3))
    await drive(api, options())
    isReady('ReadOnly v3')(api)
  })
})

describe('a claim that is deleted', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12])('after call %i leaves nothing', async (call) => {
    const api = model(claim())
    const broken = guardVolumes(api)
    api.fault = ({ n }) => {
      if (n === call) queueMicrotask(() => api.remove(kinds.Claim, 'vision', 'data'))
      return undefined
    }
    await drive(api, options())
    if (api.find(kinds.Claim, 'vision', 'data')) api.remove(kinds.Claim, 'vision', 'data')
    await drive(api, options())
    expect(api.all(kinds.Claim)).toEqual([])
    expect(api.all(kinds.Volume)).toEqual([])
    expect(api.all(kinds.Job)).toEqual([])
    expect(broken).toEqual([])
  })
})

describe('a crash after or before every call', () => {
  const leaveOut = ({ kind }: { kind: string }) => kind === 'Pod'
  test.each([
    ['Immediate', () => model(claim())],
    ['fill first', () => model(claim({ 'granary.dev/bind': 'Immediate' }, { spec: { storageClassName: 'later' } }))],
    ['with its consumer', () => model(claim({}, { spec: { storageClassName: 'later' } }), pod('data'))],
  ])('%s', async (_, prepare) => {
    const tried = await crashEverywhere(prepare, { ...options(), check: isReady('ReadOnly v2'), leaveOut })
    expect(tried).toBeGreaterThan(10)
  })
})
