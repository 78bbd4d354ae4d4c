import { describe, expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { claimController, indexes } from '../../../src/controllers/claim/index.ts'
import type { Claim } from '../../../src/desired/volumes.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { cluster, type ModelVolume } from './cluster.ts'
import { claim, config, dataset, datasetVersion, model } from './seeds.ts'

const options = () => ({ controllers: () => [claimController(config) as never], indexes, actors: cluster() })

const here = { namespace: 'serving' }
const from = (annotations: object = {}) => claim({ 'granary.dev/from-namespace': 'vision', ...annotations }, here)
const allow = (allowed: object = { names: ['serving'] }) => dataset({ allowedNamespaces: allowed })
const alias = (of: object = { namespace: 'vision', name: 'mnist' }, name = 'ours', namespace = 'serving'): KubeObject =>
  ({
    apiVersion: 'granary.dev/v1alpha1',
    kind: 'Dataset',
    metadata: { name, namespace },
    spec: { source: { dataset: of } },
  }) as KubeObject
const byAlias = (annotations: Record<string, string> = {}) =>
  claim(annotations, { ...here, spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: 'ours' } } })

const seen = (api: ModelApi, name = 'data') => {
  const found = api.find<Claim>(kinds.Claim, 'serving', name)
  const volume = api.find<ModelVolume>(kinds.Volume, undefined, found?.spec.volumeName ?? '')
  return {
    phase: found?.status?.phase,
    content: volume?.status.content,
    waiting: found?.metadata.annotations?.['granary.dev/waiting'],
    resolved: JSON.parse(found?.metadata.annotations?.['granary.dev/resolved'] ?? '{}') as object,
  }
}

const setAllowed = (api: ModelApi, allowed: object | undefined) =>
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', (it) => {
    if (allowed === undefined) delete it.spec.allowedNamespaces
    else it.spec.allowedNamespaces = { maxFills: 4, ...allowed }
  })

describe('a claim in another namespace', () => {
  test.each<[string, KubeObject[]]>([
    ['by from-namespace', [allow(), from()]],
    ['by the label of its namespace', [allow({ selector: { matchLabels: { team: 'serving' } } }), from()]],
    ['by an alias', [allow(), alias(), byAlias()]],
    [
      'by an alias of an alias',
      [
        allow(),
        alias(undefined, 'mine', 'granary-rescue'),
        alias({ namespace: 'granary-rescue', name: 'mine' }),
        byAlias(),
      ],
    ],
    [
      'by a DatasetVersion',
      [
        allow(),
        claim(
          { 'granary.dev/from-namespace': 'vision' },
          { ...here, spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'DatasetVersion', name: 'mnist-v2' } } },
        ),
      ],
    ],
  ])('%s: filled where the Dataset is, with nothing left there', async (_, objects) => {
    const api = model(...objects)
    const homes: string[] = []
    api.listen((object) => {
      if (object && ['Job', 'Secret'].includes(object.kind)) homes.push(object.metadata.namespace ?? '')
    })
    await drive(api, options())
    expect(seen(api)).toMatchObject({
      phase: 'Bound',
      content: 'ReadOnly v2',
      resolved: { namespace: 'vision', dataset: 'mnist' },
    })
    expect(new Set(homes)).toEqual(new Set(['vision']))
    expect(api.all(kinds.Claim).map(({ metadata }) => metadata.name)).toEqual(['data'])
    expect(api.all(kinds.Job)).toEqual([])
  })

  test('crashes at every call change nothing', async () => {
    const leaveOut = ({ kind }: { kind: string }) => kind === 'Pod'
    const check = (api: ModelApi) => expect(seen(api)).toMatchObject({ phase: 'Bound', content: 'ReadOnly v2' })
    await crashEverywhere(() => model(allow(), alias(), byAlias()), { ...options(), check, leaveOut })
  })
})

describe('without permission', () => {
  const refused = async (...objects: KubeObject[]) => {
    const api = model(...objects)
    await drive(api, { ...options(), horizon: 120_000 })
    expect(api.all(kinds.Job)).toEqual([])
    return seen(api).waiting
  }
  const named = (name: string, kind = 'Dataset', annotations = {}) =>
    claim(
      { 'granary.dev/from-namespace': 'vision', ...annotations },
      { ...here, spec: { dataSourceRef: { apiGroup: 'granary.dev', kind, name } } },
    )

  test.each([
    ['a Dataset', 'mnist', 'nist', 'Dataset'],
    ['a version', 'mnist-v2', 'nist-v2', 'DatasetVersion'],
  ])('%s that is there and one that is not are told in the same words', async (_, there, missing, kind) => {
    const one = await refused(named(there, kind))
    const other = await refused(named(missing, kind))
    expect(one).toMatch(/^AccessDenied: Namespace serving may not read .*, or there is none of that name/)
    expect(other?.replace(missing, there)).toBe(one)
    const writes = { 'granary.dev/access': 'ReadWrite' }
    const writer = await refused(named(there, kind, writes))
    expect((await refused(named(missing, kind, writes)))?.replace(missing, there)).toBe(writer)
    expect(writer).toMatch(/^AccessDenied: Outputs stay/)
  })

  test('an alias is no way around, whatever it points at', async () => {
    const one = await refused(alias(), byAlias())
    const other = await refused(alias({ namespace: 'vision', name: 'nist' }), byAlias())
    expect(one).toMatch(/^AccessDenied: .*Dataset vision\/mnist/)
    expect(other?.replace('nist', 'mnist')).toBe(one)
    expect(
      await refused(allow({ names: ['granary-rescue'] }), alias(undefined, 'ours', 'granary-rescue'), {
        ...byAlias({ 'granary.dev/from-namespace': 'granary-rescue' }),
      }),
    ).toMatch(/^AccessDenied: .*Dataset granary-rescue\/ours/)
  })

  test('an alias in the same namespace takes no output', async () => {
    const api = model(
      alias(undefined, 'ours', 'vision'),
      claim(
        { 'granary.dev/access': 'ReadWrite' },
        { spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: 'ours' } } },
      ),
    )
    await drive(api, { ...options(), horizon: 120_000 })
    const waiting = api.find(kinds.Claim, 'vision', 'data')?.metadata.annotations?.['granary.dev/waiting']
    expect(waiting).toMatch(/^InvalidSpec: ours is an alias of mnist/)
  })
})

describe('a permission', () => {
  test('that is given, by name or by a label, is heard of at once', async () => {
    const api = model(from())
    await drive(api, { ...options(), horizon: 1 })
    setAllowed(api, { names: ['serving'] })
    await drive(api, options())
    expect(seen(api).phase).toBe('Bound')
    const labelled = model(allow({ selector: { matchLabels: { tier: 'gold' } } }), from())
    let given = false
    const label = () => {
      if (given) return false
      given = true
      labelled.change(kinds.Namespace, undefined, 'serving', ({ metadata }) => {
        metadata.labels = { tier: 'gold' }
      })
      return true
    }
    // Within the same run and without the clock: the change itself is what wakes the claim.
    await drive(labelled, { ...options(), actors: [...cluster(), label], horizon: 20_000 })
    expect(seen(labelled).phase).toBe('Bound')
  })

  test.each([1, 2, 3, 4, 5, 6, 7, 8])('that is taken back after call %i leaves no half of a volume', async (call) => {
    const api = model(allow(), from())
    api.fault = ({ n }) => {
      if (n === call) queueMicrotask(() => setAllowed(api, undefined))
      return undefined
    }
    await drive(api, { ...options(), horizon: 300_000 })
    const { phase, waiting, content } = seen(api)
    if (phase === 'Bound') expect(content).toBe('ReadOnly v2')
    else {
      expect(waiting).toMatch(/^AccessDenied: /)
      expect(api.all(kinds.Claim).map(({ metadata }) => metadata.name)).toEqual(['data'])
      expect(api.all(kinds.Volume)).toEqual([])
    }
    expect(api.all(kinds.Job)).toEqual([])
    setAllowed(api, { names: ['serving'] })
    await drive(api, options())
    expect(seen(api)).toMatchObject({ phase: 'Bound', content: 'ReadOnly v2' })
  })
})

test('no more than maxFills are filled at once', async () => {
  const names = ['a', 'b', 'c', 'd', 'e']
  const claims = names.map((name) => claim({ 'granary.dev/from-namespace': 'vision' }, { ...here, name }))
  const api = model(allow({ names: ['serving'], maxFills: 2 }), datasetVersion(2), ...claims)
  let most = 0
  const limited = new Set<string>()
  api.listen((object) => {
    most = Math.max(most, api.all(kinds.Job).length)
    const said = object?.metadata.annotations?.['granary.dev/waiting']
    if (said?.startsWith('FillsLimited: ')) limited.add(said)
  })
  await drive(api, options())
  for (const name of names) expect(seen(api, name)).toMatchObject({ phase: 'Bound', content: 'ReadOnly v2' })
  expect(most).toBe(2)
  expect([...limited][0]).toMatch(/2 volumes of vision\/mnist are being filled .*maxFills is 2/)
})
