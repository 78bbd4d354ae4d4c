import { describe, expect, test, vi } from 'vitest'
import { type DatasetVersion, DatasetVersionStatus } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import type { ClaimObject } from '../../../src/desired/objects.ts'
import { parseVerifyRequest } from '../../../src/desired/verify-request.ts'
import { crashEverywhere, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  type Answer,
  type Asked,
  fails,
  house,
  inTurn,
  movers,
  ns,
  once,
  options,
  sha,
  statusOf,
  succeeds,
  version,
} from './scene.ts'

vi.setConfig({ testTimeout: 120_000 })

const committed = (n: number, more: Record<string, unknown> = {}) =>
  version(
    `mnist-v${n}`,
    n,
    { from: { source: {} } },
    {
      status: { phase: 'Committed', digest: sha('d'), rootDigest: sha('e'), files: 3, bytes: 30, ...more },
    },
  )

const scene = (request: string): ModelApi => {
  const api = house()
  const one = committed(1)
  one.metadata.annotations = { [annotations.verifyRequestedAt]: request }
  api.seed(one)
  return api
}

const sound: Answer = () => ({ op: 'Verify', outcome: 'Sound', files: 3, bytes: 30, bad: 0 })
const bad: Answer = () => ({
  op: 'Verify',
  outcome: 'Bad',
  files: 3,
  bytes: 30,
  bad: 1,
  names: [{ path: 'd/e/f', problem: 'has another sha256 than the manifest says' }],
})

const run = (api: ModelApi, ...actors: ((model: ModelApi) => boolean)[]) =>
  drive(api, { ...options, actors: [inTurn(...actors)], limit: 500 }).then((driven) => {
    for (const { status } of api.all<DatasetVersion>(kinds.DatasetVersion))
      expect(DatasetVersionStatus.parse(status)).toEqual(status)
    expect(driven.errors).toEqual([])
    return driven
  })
const condition = (api: ModelApi, type: string) => {
  const found = statusOf(api, 'mnist-v1')?.conditions?.find((one) => one.type === type)
  return found && `${found.status} ${found.reason}`
}
const ask = (request: string) => (api: ModelApi) =>
  api.change<DatasetVersion>(kinds.DatasetVersion, ns, 'mnist-v1', (one) => {
    one.metadata.annotations = { [annotations.verifyRequestedAt]: request }
  })
const jobs = (api: ModelApi) => api.all(kinds.Job, ns).map((job) => job.metadata.name)

describe('the annotation', () => {
  test.each([
    ['2026-01-01T00:00:00Z', { depth: 'Full' }],
    ['1 full', { depth: 'Full' }],
    ['1 fast', { depth: 'Fast' }],
    ['1 3/10', { depth: 'Full', part: { n: 3, of: 10 } }],
    ['1  fast claim/mnist-v1', { depth: 'Fast', claim: 'mnist-v1' }],
    ['1 2/2 claim/a.b', { depth: 'Full', part: { n: 2, of: 2 }, claim: 'a.b' }],
  ])('%s', (text, expected) => expect(parseVerifyRequest(text)).toEqual(expected))

  test.each(['1 quick', '1 0/3', '1 4/3', '1 1/0', '1 fast 1/2', '1 claim/', '1 claim/../x'])('%s is refused', (text) =>
    expect(parseVerifyRequest(text)).toHaveProperty('problem'),
  )
})

describe('a verification', () => {
  test('that finds nothing says so, once, and stays Ready throughout', async () => {
    const api = scene('1')
    const asked: Asked = []
    const ready: (string | undefined)[] = []
    const driven = await run(api, (model) => {
      ready.push(condition(model, 'Ready'))
      return movers(sound, asked)(model)
    })
    expect(asked).toMatchObject([
      { op: 'Verify', what: 'Store', depth: 'Full', version: { sequence: 1, root: sha('e') } },
    ])
    expect(condition(api, 'Verified')).toBe('True Verified')
    expect(condition(api, 'Degraded')).toBeUndefined()
    expect(new Set(ready)).toEqual(new Set(['True Committed']))
    expect(statusOf(api, 'mnist-v1')?.lastVerification).toMatchObject({
      request: '1',
      result: 'Sound',
      files: 3,
      bad: 0,
    })
    expect(driven.events.filter(({ reason }) => reason === 'Verified')).toHaveLength(1)
    expect(jobs(api)).toEqual([])
  })

  test('that finds damage names the file; a part that is sound does not clear it, a full one does', async () => {
    const api = scene('1')
    const driven = await run(api, movers(bad))
    expect(condition(api, 'Verified')).toBe('False Corrupt')
    expect(condition(api, 'Degraded')).toBe('True Corrupt')
    expect(condition(api, 'Ready')).toBe('False Corrupt')
    expect(driven.events.find(({ reason }) => reason === 'Degraded')?.message).toContain('d/e/f has another sha256')
    expect(statusOf(api, 'mnist-v1')?.phase).toBe('Committed')
    await run(api, movers(sound), once(ask('2 1/2')))
    expect(condition(api, 'Degraded')).toBe('True Corrupt')
    await run(api, movers(sound), once(ask('3')))
    expect(condition(api, 'Degraded')).toBeUndefined()
    expect(condition(api, 'Ready')).toBe('True Committed')
  })

  test('is tried again after a failure that heals, and ends with the reason of one that does not', async () => {
    const api = scene('1 fast')
    const asked: Asked = []
    await run(
      api,
      movers((spec, nth) => (nth < 3 ? fails('Unreachable', 'Verify')(spec, nth) : sound(spec, nth)), asked),
    )
    expect(asked).toHaveLength(3)
    expect(statusOf(api, 'mnist-v1')?.lastVerification).toMatchObject({ attempt: 3, result: 'Sound', depth: 'Fast' })
    await run(api, movers(fails('InvalidSpec', 'Verify')), once(ask('2')))
    expect(condition(api, 'Verified')).toBe('Unknown InvalidSpec')
    expect(condition(api, 'Degraded')).toBeUndefined()
    expect(statusOf(api, 'mnist-v1')?.lastVerification).toMatchObject({ attempt: 4, result: 'InvalidSpec' })
    expect(jobs(api)).toEqual([])
  })

  test('of nonsense is refused with a sentence', async () => {
    const api = scene('1 quick')
    await run(api, movers(sound))
    expect(condition(api, 'Verified')).toBe('Unknown InvalidSpec')
    expect(jobs(api)).toEqual([])
  })

  const claim = (more: Partial<ClaimObject['metadata']['annotations']> = {}): ClaimObject => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'mnist-v1',
      namespace: ns,
      annotations: { [annotations.digest]: sha('d'), ...more } as Record<string, string>,
    },
    status: { phase: 'Bound' },
  })

  test('of a claim mounts it read-only; damage there is not damage of the store', async () => {
    const api = scene('1 claim/mnist-v1')
    api.seed(claim())
    const asked: Asked = []
    let mounted: unknown
    await run(api, (model) => {
      const [job] = model.all<ClaimObject>(kinds.Job, ns)
      if (job) mounted ??= JSON.stringify(job)
      return movers(bad, asked)(model)
    })
    expect(asked).toMatchObject([{ what: 'Volume' }])
    expect(mounted).toContain('"claimName":"mnist-v1"')
    expect(mounted).toContain('"mountPath":"/data","readOnly":true')
    expect(condition(api, 'Degraded')).toBe('True VolumeDamaged')
    expect(condition(api, 'Ready')).toBe('True Committed')
  })

  test.each([
    ['that is not there', undefined],
    ['of another version', claim({ [annotations.digest]: sha('0') })],
    ['that is written to', claim({ [annotations.access]: 'Private' })],
  ])('of a claim %s is refused', async (_, object) => {
    const api = scene('1 claim/mnist-v1')
    if (object) api.seed(object)
    await run(api, movers(sound))
    expect(condition(api, 'Verified')).toBe('Unknown InvalidSpec')
    expect(jobs(api)).toEqual([])
  })

  test('ends the same wherever the operator dies', async () => {
    await crashEverywhere(() => scene('1 fast'), {
      ...options,
      limit: 500,
      actors: [
        (api) => {
          const first = jobs(api).some((name) => name.endsWith('-1'))
          return movers(first ? fails('Unreachable', 'Verify') : bad)(api)
        },
      ],
      check: (api) => {
        expect(condition(api, 'Degraded')).toBe('True Corrupt')
        expect(jobs(api)).toEqual([])
      },
    })
  })
})

test('bytes that are damaged are not referred to by the next import', async () => {
  const api = house()
  const damage = {
    type: 'Degraded',
    status: 'True',
    reason: 'Corrupt',
    message: 'bad',
    lastTransitionTime: '2026-01-01T00:00:00Z',
  }
  api.seed(committed(1))
  api.seed(committed(2, { conditions: [damage] }))
  api.seed(version('mnist-v3', 3, { from: { source: {} } }))
  const asked: Asked = []
  await run(api, movers(succeeds, asked))
  expect(asked).toMatchObject([{ op: 'Import', parent: { sequence: 1 } }])
})
