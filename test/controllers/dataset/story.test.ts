import { expect, test, vi } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations, finalizers } from '../../../src/api/names.ts'
import { datasetController, indexes } from '../../../src/controllers/dataset/index.ts'
import type { ClaimObject } from '../../../src/desired/objects.ts'
import { type Actor, crashEverywhere, type DriveOptions, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import {
  calmMover,
  commitImports,
  committer,
  config,
  dataset,
  digest,
  helpers,
  kubelet,
  modelWith,
  namespace,
  outputClaim,
  provider,
  withHelpers,
  withSource,
  writer,
} from './actors.ts'

// Many runs of a model: a busy machine needs its time.
vi.setConfig({ testTimeout: 120_000 })

const options = (...actors: Actor[]): DriveOptions => ({
  controllers: () => [datasetController(config) as never, ...helpers()],
  indexes: withHelpers(indexes),
  actors,
})
const find = (api: ModelApi, name = 'mnist') => api.find<Dataset>(kinds.Dataset, namespace, name) as Dataset
const version = (api: ModelApi, name: string) => api.find<DatasetVersion>(kinds.DatasetVersion, namespace, name)
const names = (api: ModelApi) => api.all<DatasetVersion>(kinds.DatasetVersion).map((one) => one.metadata.name)
const condition = (api: ModelApi, type: string) => {
  const found = find(api).status?.conditions?.find((one) => one.type === type)
  return found && `${found.status} ${found.reason}`
}

test('a look that finds just what was written back to the source makes no version; anything else does', async () => {
  const api = modelWith(provider(), withSource())
  let fingerprint = 'one'
  const world = options(
    calmMover(() => fingerprint),
    commitImports(() => fingerprint),
  )
  await drive(api, world)
  const look = async (found: string) => {
    fingerprint = found
    api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (object) => {
      object.metadata.annotations = { [annotations.syncRequestedAt]: `${api.now} ${found}` }
    })
    await drive(api, world)
    return find(api).status?.lastSync?.result
  }
  const writeBack = (number: number, left: string, finishedAt: string) =>
    api.seed({
      ...version(api, 'mnist-v1')!,
      metadata: { name: `mnist-v${number}`, namespace },
      spec: { dataset: 'mnist' },
      status: {
        phase: 'Committed',
        sequence: number,
        version: `v${number}`,
        digest: digest('b'),
        files: 3,
        bytes: 30,
        mirror: { location: 's3://team/all/raw/', fingerprint: left, finishedAt },
      },
    } as DatasetVersion)
  writeBack(2, 'after two', '2026-01-01T01:00:00Z')
  expect(await look('after two')).toBe('Unchanged')
  expect(find(api).status?.importedFingerprint).toBe('after two')
  writeBack(3, 'after three', '2026-01-01T02:00:00Z')
  expect(await look('after three')).toBe('Unchanged')
  expect(names(api)).toEqual(['mnist-v1', 'mnist-v2', 'mnist-v3'])
  // Somebody put back what was there before the last writeback: that is a change.
  expect(await look('after two')).toBe('Imported')
  expect(names(api)).toContain('mnist-v4')
})

test('a source becomes v1; a changed source v2 on request; an unchanged one nothing', async () => {
  const api = modelWith(provider(), withSource())
  let fingerprint = 'one'
  const world = options(
    calmMover(() => fingerprint),
    commitImports(() => fingerprint),
  )
  await drive(api, world)
  expect(names(api)).toEqual(['mnist-v1'])
  expect(version(api, 'mnist-v1')?.spec).toEqual({ dataset: 'mnist', from: { source: {} } })
  expect(version(api, 'mnist-v1')?.status).toMatchObject({ sequence: 1, version: 'v1' })
  expect(find(api).status).toMatchObject({
    latest: { version: 'v1', name: 'mnist-v1', digest: digest('a'), files: 3, bytes: 30 },
    versions: 1,
    nextSequence: 2,
    importedFingerprint: 'one',
    import: { mode: 'Copy' },
    lastSync: { result: 'Imported', objects: 3 },
    store: { provider: 'bucket', kind: 's3', bucket: 'team', prefix: 'all/granary/vision/mnist/' },
    source: 'bucket:raw/',
  })
  expect(find(api).status?.opening).toBeUndefined()
  expect(condition(api, 'Ready')).toBe('True Ready')
  expect(condition(api, 'SourceReachable')).toBe('True Reachable')
  expect(condition(api, 'StoreReachable')).toBe('True Reachable')
  expect(condition(api, 'Reconciling')).toBeUndefined()
  expect(api.all(kinds.Job)).toEqual([])

  const request = (value: string) =>
    api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (object) => {
      object.metadata.annotations = { [annotations.syncRequestedAt]: value }
    })
  request('1')
  await drive(api, world)
  expect(names(api)).toEqual(['mnist-v1'])
  expect(find(api).status?.lastSync).toMatchObject({ result: 'Unchanged', changed: false })
  expect(find(api).status?.lastHandledSyncRequest).toBe('1')

  fingerprint = 'two'
  request('2')
  await drive(api, world)
  expect(names(api)).toEqual(['mnist-v1', 'mnist-v2'])
  expect(version(api, 'mnist-v2')?.status).toMatchObject({ sequence: 2, parent: 1 })
  expect(find(api).status?.latest?.version).toBe('v2')
})

test('an import that found nothing new leaves a gap in the numbers and no object', async () => {
  const api = modelWith(provider(), withSource())
  const world = options(
    calmMover(() => 'touched'),
    committer((one) =>
      one.status?.phase === undefined
        ? {
            phase: 'Abandoned',
            import: { mode: 'Copy', reason: 'x', fingerprint: 'touched' },
            conditions: [
              { type: 'Committed', status: 'False', reason: 'Unchanged', message: '', lastTransitionTime: '' },
            ],
          }
        : undefined,
    ),
  )
  await drive(api, world)
  expect(names(api)).toEqual([])
  expect(find(api).status).toMatchObject({
    nextSequence: 2,
    importedFingerprint: 'touched',
    lastSync: { result: 'Unchanged' },
  })
})

test('the interval makes one look after the other', async () => {
  const api = modelWith(provider(), withSource({ sync: { interval: '10m' } }))
  let looks = 0
  const world = options(
    kubelet((spec) => {
      if (spec.op === 'Adopt') return { op: 'Adopt', outcome: 'Done', versions: [], more: false }
      looks++
      return { op: 'Scan', outcome: 'Done', items: [{ objects: 1, bytes: 1, fingerprint: 'same' }] }
    }),
    commitImports(() => 'same'),
  )
  await drive(api, { ...world, horizon: 3_000_000 })
  expect(looks).toBe(6)
  expect(names(api)).toEqual(['mnist-v1'])
  expect(Date.parse(find(api).status?.nextSyncAt ?? '')).toBeGreaterThan(api.now)
})

test('a bucket that is not there is said, tried again with growing pauses, and heals', async () => {
  const api = modelWith(provider(), withSource())
  const tries: number[] = []
  let there = false
  const world = options(
    kubelet((spec) => {
      if (spec.op === 'Adopt') return { op: 'Adopt', outcome: 'Done', versions: [], more: false }
      tries.push(api.now)
      const items = there
        ? [{ objects: 1, bytes: 1, fingerprint: 'x' }]
        : [{ reason: 'SourceNotFound' as const, message: 'There is no bucket "team".' }]
      return { op: 'Scan', outcome: 'Done', items }
    }),
    commitImports(() => 'x'),
  )
  const { events } = await drive(api, { ...world, horizon: 3_000_000 })
  const pauses = tries.slice(1).map((at, i) => Math.round((at - (tries[i] ?? 0)) / 1000))
  expect(pauses.slice(0, 10)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300])
  expect(condition(api, 'SourceReachable')).toBe('False SourceNotFound')
  expect(condition(api, 'Ready')).toBe('False SourceNotFound')
  expect(events.filter((event) => event.reason === 'SourceNotFound')).toHaveLength(1)
  there = true
  await drive(api, { ...world, horizon: 400_000 })
  expect(condition(api, 'SourceReachable')).toBe('True Reachable')
  expect(condition(api, 'Ready')).toBe('True Ready')
  expect(names(api)).toEqual(['mnist-v1'])
})

test('a claim that is written to opens a version, and the next one when a pod mounts it again', async () => {
  const api = modelWith(
    provider(),
    dataset({ outputs: { tags: ['candidate'] } }),
    outputClaim('out', { [annotations.message]: 'first' }),
  )
  let phase = 'Running'
  const world = options(
    calmMover(() => ''),
    committer((one) =>
      phase === 'Committed' && one.status?.phase !== 'Committed'
        ? { phase, digest: digest('b'), files: 1, bytes: 1, committedAt: '2026-01-01T00:00:00Z' }
        : one.status?.phase === undefined
          ? { phase: 'Running' }
          : undefined,
    ),
  )
  await drive(api, world)
  const claim = () => api.find<ClaimObject>(kinds.Claim, namespace, 'out') as ClaimObject
  expect(names(api)).toEqual(['mnist-v1'])
  expect(version(api, 'mnist-v1')).toMatchObject({
    metadata: { annotations: { [annotations.claim]: 'out', [annotations.claimUid]: claim().metadata.uid } },
    spec: { dataset: 'mnist', message: 'first', tags: ['candidate'], commit: 'OnSuccess' },
    status: { sequence: 1 },
  })
  expect(version(api, 'mnist-v1')?.spec.base).toBeUndefined()
  expect(claim().metadata.annotations?.[annotations.openVersion]).toBe('mnist-v1')
  expect(find(api).metadata.finalizers).toEqual([finalizers.dataset])

  phase = 'Committed'
  await drive(api, world)
  expect(find(api).status).toMatchObject({ latest: { version: 'v1' }, tags: [{ name: 'candidate', version: 'v1' }] })
  expect(find(api).metadata.finalizers ?? []).toEqual([])
  expect(names(api)).toEqual(['mnist-v1'])

  phase = 'Running'
  api.seed(writer('again', 'out'))
  await drive(api, world)
  expect(names(api)).toEqual(['mnist-v1', 'mnist-v2'])
  expect(version(api, 'mnist-v2')?.spec.base).toBe('v1')
  expect(claim().metadata.annotations?.[annotations.openVersion]).toBe('mnist-v2')
})

test('a Dataset that was deleted and applied again waits for adopt: true, then has all versions and numbers', async () => {
  const api = modelWith(provider(), dataset(), outputClaim('out'))
  const entry = (n: number) => ({
    n,
    digest: digest('c'),
    root: digest('d'),
    files: 1,
    bytes: 1,
    at: '2025-01-01T00:00:00Z',
  })
  const world = options(
    kubelet((spec) => {
      if (spec.op !== 'Adopt') return undefined
      if (!spec.dataset.adopt)
        return { op: 'Adopt', outcome: 'Failed', reason: 'AdoptionRequired', message: 'Set spec.adopt: true.' }
      const before = spec.before ?? 14
      const numbers = [13, 12, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1].filter((n) => n < before)
      return { op: 'Adopt', outcome: 'Done', versions: numbers.slice(0, 10).map(entry), more: numbers.length > 10 }
    }),
    committer((one) =>
      one.metadata.annotations?.[annotations.adopted] && one.status?.phase === undefined
        ? { phase: 'Committed', digest: digest('c'), committedAt: '2025-01-01T00:00:00Z' }
        : undefined,
    ),
  )
  await drive(api, world)
  expect(condition(api, 'StoreReachable')).toBe('False AdoptionRequired')
  expect(condition(api, 'Ready')).toBe('False AdoptionRequired')
  expect(condition(api, 'Stalled')).toBe('True AdoptionRequired')
  expect(names(api)).toEqual([])

  api.change<Dataset>(kinds.Dataset, namespace, 'mnist', (object) => {
    object.spec.adopt = true
  })
  await drive(api, world)
  expect(names(api)).toHaveLength(13)
  expect(version(api, 'mnist-v10')?.status).toMatchObject({ sequence: 10, phase: 'Committed' })
  expect(version(api, 'mnist-v14')?.spec.base).toBe('v13')
  expect(find(api).status).toMatchObject({
    latest: { version: 'v13' },
    nextSequence: 15,
    adoption: { done: true, versions: 12 },
  })
  expect(condition(api, 'StoreReachable')).toBe('True Adopted')
})

test('whatever call the operator dies at, the end is the same', async () => {
  const prepare = () =>
    modelWith(provider(), withSource({ outputs: {} }), outputClaim('out', { [annotations.version]: 'none' }))
  const tried = await crashEverywhere(prepare, {
    ...options(
      calmMover(() => 'one'),
      commitImports(() => 'one'),
      committer((one) =>
        one.metadata.annotations?.[annotations.claim] && one.status?.phase !== 'Committed'
          ? { phase: 'Committed', digest: digest('b'), committedAt: '2026-01-01T00:00:00Z' }
          : undefined,
      ),
    ),
    check: (api) => {
      const numbers = api.all<DatasetVersion>(kinds.DatasetVersion).map((one) => one.status?.sequence)
      expect(new Set(numbers).size).toBe(2)
      expect(api.all(kinds.Job)).toEqual([])
    },
  })
  expect(tried).toBeGreaterThan(20)
})

test('a quota that refuses the pods of looks is said with the words of the API server, and heals', async () => {
  const api = modelWith(provider(), withSource())
  let open = false
  const refuse: Actor = (model) => {
    const jobs = model.all(kinds.Job).filter((job) => !model.find(kinds.Event, namespace, job.metadata.name))
    if (open) return false
    for (const job of jobs)
      model.seed({
        apiVersion: 'v1',
        kind: 'Event',
        metadata: { name: job.metadata.name, namespace },
        involvedObject: { uid: job.metadata.uid },
        reason: 'FailedCreate',
        message: 'pods "x" is forbidden: exceeded quota: none',
      } as never)
    return jobs.length > 0
  }
  const mover = calmMover(() => 'one')
  const world = options(
    refuse,
    (model) => (open ? mover(model) : false),
    commitImports(() => 'one'),
  )
  await drive(api, { ...world, horizon: 60_000 })
  expect(condition(api, 'SourceReachable')).toBe('False QuotaExceeded')
  expect(condition(api, 'StoreReachable')).toBe('False QuotaExceeded')
  expect(find(api).status?.conditions?.find((one) => one.type === 'Ready')?.message).toContain('exceeded quota: none')
  open = true
  await drive(api, { ...world, horizon: 60_000 })
  expect(condition(api, 'Ready')).toBe('True Ready')
  expect(condition(api, 'SourceReachable')).toBe('True Reachable')
})
