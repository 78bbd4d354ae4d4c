import { expect, test, vi } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { MoveSpec } from '../../../src/api/move.ts'
import type { Looked } from '../../../src/api/move-result.ts'
import { annotations } from '../../../src/api/names.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import { providerController, indexes as providerIndexes } from '../../../src/controllers/provider/index.ts'
import type { JobObject } from '../../../src/desired/objects.ts'
import { crashEverywhere, type DriveOptions, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  commitImports,
  config,
  dataset,
  helpers,
  kubelet,
  modelWith,
  namespace,
  nothingStored,
  provider,
  withHelpers,
} from '../dataset/actors.ts'

// Many runs of a model: a busy machine needs its time.
vi.setConfig({ testTimeout: 120_000 })

type Scan = Extract<MoveSpec, { op: 'Scan' }>

const source = (name: string, more: Record<string, unknown> = {}) =>
  dataset(
    { source: { s3: { bucket: 'lake' }, prefix: `${name}/`, credentials: { secretName: 'keys' } }, ...more },
    name,
  )

/** Answers every look, and keeps what was asked. */
const scene = (answer: (item: Scan['items'][number], spec: Scan) => Looked) => {
  const scans: { spec: Scan; job: JobObject }[] = []
  const options: DriveOptions = {
    controllers: () => [datasetController(config) as never, providerController() as never, ...helpers()],
    indexes: {
      ...withHelpers(indexes),
      jobs: { ...withHelpers(indexes).jobs, ...providerIndexes.jobs },
      pods: { ...withHelpers(indexes).pods, ...providerIndexes.pods },
    },
    actors: [
      kubelet((spec, _, job) => {
        if (spec.op === 'Adopt') return nothingStored
        if (spec.op === 'Probe') {
          const able = {
            putIfAbsent: true,
            getIfMatch: true,
            multipartIfAbsent: true,
            versioning: false,
            checksums: true,
          }
          return { op: 'Probe', outcome: 'Done', locations: spec.locations.map(() => able) }
        }
        if (spec.op !== 'Scan') return undefined
        scans.push({ spec, job })
        return { op: 'Scan', outcome: 'Done', items: spec.items.map((item) => answer(item, spec)) }
      }),
      commitImports(() => 'f'),
    ],
    horizon: 100_000,
  }
  return { scans, options, names: () => scans.map(({ spec }) => spec.items.map((item) => item.dataset.name)) }
}
const find = (api: ModelApi, name: string) => api.find<Dataset>(kinds.Dataset, namespace, name) as Dataset
const reachable = (api: ModelApi, name: string) => {
  const found = find(api, name).status?.conditions?.find((one) => one.type === 'SourceReachable')
  return `${found?.status} ${found?.reason}: ${found?.message}`
}
const found: Looked = { objects: 2, bytes: 20, fingerprint: 'f' }

test('what is due at the same time is one Job, with one directory of credentials for all', async () => {
  const names = Array.from({ length: 30 }, (_, n) => `set-${n}`)
  const api = modelWith(provider(), ...names.map((name) => source(name)))
  const { options, scans } = scene(() => found)
  await drive(api, options)
  expect(scans.length).toBeLessThanOrEqual(3)
  expect(scans.flatMap(({ spec }) => spec.items.map((item) => item.dataset.name)).sort()).toEqual([...names].sort())
  for (const name of names) expect(reachable(api, name)).toBe('True Reachable: Found 2 objects.')
  const volumes = (scans.at(-1)?.job.spec as { template?: { spec?: { volumes: unknown[] } } } | undefined)?.template
    ?.spec?.volumes
  expect(volumes).toHaveLength(2)
  expect(api.all(kinds.Job)).toEqual([])
})

test('each identity, and each settings of the pod, has a Job of its own', async () => {
  const as = (name: string, serviceAccountName: string) =>
    dataset({ source: { s3: { bucket: 'lake' }, credentials: { serviceAccountName } } }, name)
  const api = modelWith(
    provider(),
    as('a', 'one'),
    as('b', 'two'),
    as('c', 'one'),
    source('d', { mover: { nodeSelector: { zone: 'z' } } }),
  )
  const { options, names, scans } = scene(() => found)
  await drive(api, options)
  for (const { spec, job } of scans) {
    const account = (job.spec as { template?: { spec: { serviceAccountName?: string } } }).template?.spec
      .serviceAccountName
    const expected = { a: 'one', b: 'two', c: 'one', d: undefined }
    for (const item of spec.items) expect(account).toBe(expected[item.dataset.name as 'a'])
  }
  expect(names().flat().sort()).toEqual(['a', 'b', 'c', 'd'])
})

test('one that fails, one that takes long and one without an answer do not concern the others', async () => {
  const api = modelWith(provider(), source('bad'), source('good'), source('slow'), source('late'))
  let late = 0
  const { options, scans } = scene(({ dataset: { name } }, spec) => {
    if (name === 'bad') return { reason: 'CredentialsDenied' }
    if (name === 'slow' && !spec.patient) return { slow: true }
    if (name === 'late') return late++ === 0 ? null : found
    return found
  })
  await drive(api, options)
  expect(reachable(api, 'good')).toContain('True Reachable')
  expect(reachable(api, 'late')).toContain('True Reachable')
  expect(reachable(api, 'slow')).toContain('True Reachable')
  expect(reachable(api, 'bad')).toMatch(
    /^False CredentialsDenied: The server refuses these credentials.* Create or mend the Secret/,
  )
  expect(find(api, 'late').status?.lastSync?.failures).toBe(0)
  const patient = scans.filter(({ spec }) => spec.patient)
  expect(patient.map(({ spec }) => spec.items.map((item) => item.dataset.name))).toEqual([['slow']])
})

test('a listing that is as it was keeps what is known of it, and a failure that others share is read from them', async () => {
  const api = modelWith(provider(), source('a'), source('b'))
  let round = 1
  const { options, scans } = scene((item) => {
    if (round === 1) return found
    expect(item.fingerprint).toBe('f')
    return round === 2 ? true : { reason: 'Unreachable', message: 'The server does not answer.' }
  })
  const ask = () => {
    for (const name of ['a', 'b'])
      api.change<Dataset>(kinds.Dataset, namespace, name, (object) => {
        object.metadata.annotations = { [annotations.syncRequestedAt]: `${round}` }
      })
  }
  await drive(api, options)
  round = 2
  ask()
  await drive(api, options)
  expect(find(api, 'a').status?.lastSync).toMatchObject({ objects: 2, bytes: 20, fingerprint: 'f', attempt: 2 })
  expect(reachable(api, 'a')).toBe('True Reachable: Found 2 objects.')
  const before = scans.length
  round = 3
  ask()
  await drive(api, { ...options, horizon: 3_000 })
  expect(scans.length).toBeGreaterThan(before)
  for (const name of ['a', 'b']) expect(reachable(api, name)).toMatch(/^False Unreachable: The server does not answer/)
})

test('a spec that changes while it is looked at begins anew; nobody waits for what a Dataset that is gone wanted', async () => {
  const api = modelWith(provider(), source('a'), source('b'))
  const { options, names } = scene(() => found)
  const quiet = { ...options, actors: [] }
  await drive(api, { ...quiet, horizon: 1_000 })
  expect(names()).toEqual([])
  api.change<Dataset>(kinds.Dataset, namespace, 'a', (object) => {
    Object.assign(object.spec.source ?? {}, { prefix: 'other/' })
  })
  api.remove(kinds.Dataset, namespace, 'b')
  await drive(api, options)
  expect(find(api, 'a').status?.lastSync).toMatchObject({ attempt: 2, generation: 2, objects: 2 })
  expect(api.all(kinds.Job)).toEqual([])
})

test('whatever call the operator dies at, the end is the same', async () => {
  let turn = 0
  const { options } = scene(({ dataset: { name } }) => (name === 'b' && turn++ % 2 === 0 ? null : found))
  const tried = await crashEverywhere(() => modelWith(provider(), source('a'), source('b'), source('c')), {
    ...options,
    // How often an answer was put off depends on how often it was asked.
    leaveOut: (object) => object.kind === 'Dataset',
    check: (api) => {
      for (const name of ['a', 'b', 'c']) expect(reachable(api, name)).toBe('True Reachable: Found 2 objects.')
      expect(api.all(kinds.Job)).toEqual([])
    },
  })
  expect(tried).toBeGreaterThan(20)
})
