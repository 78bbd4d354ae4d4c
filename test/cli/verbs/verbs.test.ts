import { expect, test } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import { annotations } from '../../../src/api/names.ts'
import { ApiError } from '../../../src/kube/api-error.ts'
import { dataset, hex, personAt, version, visionApi } from '../context.ts'

test('list, versions and get', async () => {
  const person = personAt(visionApi())
  expect((await person.type('list')).out).toBe(
    'NAME    SOURCE             LATEST   FILES   SIZE      READY   AGE\nmnist   s3://team/mnist/   v2       20      1.0 KiB   True    60m',
  )
  expect((await person.type('list -n serving')).out).toBe('No Datasets in namespace serving.')
  expect((await person.type('list -A')).out).toMatch(/^NAMESPACE {3}NAME/)
  const { out } = await person.type('versions mnist')
  expect(out.split('\n').map((line) => line.split(/ {3,}/))).toEqual([
    ['VERSION', 'PHASE', 'TAGS', 'FILES', 'SIZE', 'BY', 'MESSAGE', 'AGE'],
    ['v3', 'Running', '-', '-', '-', '-', '-', '60m'],
    ['v2', 'Committed', '-', '20', '1.0 KiB', 'clean', 'fewer', '30m'],
    ['v1', 'Committed', 'prod', '10', '1.0 KiB', 'source', '-', '30m'],
  ])
  expect((await person.type('get mnist:prod')).out).toContain('Version:    vision/mnist:v1')
  expect((await person.type('get mnist')).out).toContain('Tags:       prod=v1')
  expect((await person.type('get mnist -o yaml')).out).toContain('apiVersion: granary.dev/v1alpha1\n')
})

test.each([
  ['get nothing', 3, /there is no Dataset nothing in namespace vision/],
  ['get mnist:v9', 3, /vision|mnist:v9: there is no such version/],
  ['get mnist:v1@sha256:222222222222', 3, /v1 has the digest sha256:1111/],
  ['get mnist:run', 2, /:run means something within a run only/],
  ['get Mnist', 2, /is no ref/],
  ['commit nothing', 3, /there is no DatasetVersion nothing/],
  ['tag set mnist latest v1', 2, /has a meaning of its own/],
  ['tag set mnist prod v9', 3, /there is no such version/],
  ['tag set mnist prod v3', 5, /mnist:v3 is Running, not committed/],
  ['tag rm mnist nothing', 3, /has no tag nothing/],
  ['abandon mnist-v2', 5, /mnist-v2 is Committed/],
  ['sync mnist', 2, /has no source/],
  ['rescue adopt nothing mnist', 3, /there is no rescue claim nothing in namespace granary-rescue/],
  ['why nothing', 3, /there is no Dataset, DatasetVersion/],
])('%s ends with %i', async (line, code, sentence) => {
  const told = await personAt(visionApi()).type(line)
  expect([told.code, told.notes]).toEqual([code, expect.stringMatching(sentence)])
})

test('a tag is set, moved back and removed in the spec', async () => {
  const api = visionApi()
  const person = personAt(api)
  const tags = () => api.find<Dataset>(kinds.Dataset, 'vision', 'mnist')?.spec.tags
  expect((await person.type('tag set mnist prod latest')).out).toBe('prod is v2 (was v1)')
  expect(tags()).toEqual({ prod: 'v2' })
  await person.type('tag set mnist prod v1')
  await person.type('tag set mnist next v2')
  expect(tags()).toEqual({ prod: 'v1', next: 'v2' })
  expect((await person.type('tag rm mnist next')).out).toBe('next is removed')
  expect(tags()).toEqual({ prod: 'v1' })
  expect((await person.type('tag list mnist')).out).toMatch(/prod {2,}v1 {2,}yes/)
  expect((await person.type('tag history mnist')).out).toMatch(/prod {2,}- {2,}v1/)
})

test('the first tag of a Dataset, while somebody else writes', async () => {
  const api = visionApi()
  api.seed(dataset('bare', { status: {} }))
  api.seed(version('bare', 1))
  let disturbed = false
  api.fault = () => {
    if (!disturbed) {
      disturbed = true
      api.change<Dataset>(kinds.Dataset, 'vision', 'bare', (now) => {
        now.spec.tags = { other: 'v1' }
      })
    }
    return undefined
  }
  expect((await personAt(api).type('tag set bare prod v1')).code).toBe(0)
  expect(api.find<Dataset>(kinds.Dataset, 'vision', 'bare')?.spec.tags).toEqual({ other: 'v1', prod: 'v1' })
})

test('with --wait a tag is set when the status says so, and a wait ends', async () => {
  const api = visionApi()
  const operator = () =>
    api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', (now) => {
      now.status!.tags = [{ name: 'prod', version: now.spec.tags!.prod!, movedAt: '2026-01-01T00:00:00Z' }]
    })
  expect((await personAt(api, { each: operator }).type('tag set mnist prod v2 --wait')).code).toBe(0)
  const late = await personAt(api).type('tag set mnist prod v1 --wait --timeout 5s')
  expect([late.code, late.notes]).toEqual([7, expect.stringContaining('waits until prod is v1; it is v2')])
})

test('sync asks, and with --wait says what came of it', async () => {
  const api = visionApi()
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', (now) => {
    now.spec.source = { s3: { bucket: 'team' } }
  })
  const asked = () =>
    api.find<Dataset>(kinds.Dataset, 'vision', 'mnist')?.metadata.annotations?.[annotations.syncRequestedAt]
  const look =
    (result: string, more: object = {}) =>
    () =>
      api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', (now) => {
        Object.assign(now.status!, {
          lastHandledSyncRequest: asked(),
          lastSync: { finishedAt: '2026-01-01T00:00:01Z', result },
          ...more,
        })
      })
  expect((await personAt(api).type('sync mnist')).out).toBe('A look at the source of mnist is asked for.')
  expect(asked()).toBe('2026-01-01T00:00:00.000Z')
  expect((await personAt(api, { each: look('Unchanged') }).type('sync mnist --wait')).out).toBe(
    'The source has not changed: v2.',
  )
  const refused = await personAt(api, { each: look('CredentialsDenied') }).type('sync mnist --wait')
  expect([refused.code, refused.notes]).toEqual([8, expect.stringContaining('CredentialsDenied')])
})

test('commit and abandon', async () => {
  const api = visionApi()
  const find = () => api.find<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3')
  expect((await personAt(api).type('commit mnist:v3')).out).toBe('mnist-v3 is committed once nobody writes to it.')
  expect(find()?.spec.committed).toBe(true)
  const operator = () =>
    api.change<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v3', ({ status }) => {
      Object.assign(status!, { phase: 'Committed', files: 3, size: '3 B' })
    })
  expect((await personAt(api, { each: operator }).type('commit mnist-v3 --wait')).out).toBe(
    'mnist-v3 is committed as v3: 3 files, 3 B.',
  )
  api.seed(version('mnist', 4, { status: { phase: 'Uncommitted' } }))
  await personAt(api).type('abandon mnist-v4')
  const dropped = api.find<DatasetVersion>(kinds.DatasetVersion, 'vision', 'mnist-v4')
  expect(dropped?.metadata.annotations?.[annotations.abandon]).toBe(dropped?.metadata.uid)
})

test('why names the reason and what to do', async () => {
  const api = visionApi()
  const condition = { lastTransitionTime: '2026-01-01T00:00:00Z' }
  api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', (now) => {
    now.status!.conditions = [
      { ...condition, type: 'Ready', status: 'False', reason: 'NoStore', message: 'There is no store.' },
    ]
  })
  api.seed({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: 'data',
      namespace: 'vision',
      annotations: { [annotations.waiting]: 'ClassNotFound: There is no StorageClass fast: create it.' },
    },
    spec: { dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: 'mnist' } },
  } as never)
  const { out } = await personAt(api).type('why mnist')
  expect(out.split('\n')).toEqual([
    'Dataset mnist: NoStore: There is no store.',
    expect.stringContaining('→ Set spec.store.provider'),
    'DatasetVersion mnist-v3 (Running): nobody has looked at it yet: is the operator running?',
    'PersistentVolumeClaim data: ClassNotFound: There is no StorageClass fast: create it.',
    expect.stringContaining('→ Create the class'),
  ])
  expect((await personAt(api).type('why data')).out).toContain('ClassNotFound')
})

test('an alias whose owner is out of sight shows what it says itself', async () => {
  const api = visionApi()
  const latest = { version: 'v2', name: 'mnist-v2', digest: hex('2'), files: 20, bytes: 1024, size: '1.0 KiB' }
  api.seed(
    dataset('ours', {
      namespace: 'serving',
      spec: { source: { dataset: { namespace: 'vision', name: 'mnist' } } },
      status: { source: 'vision/mnist', latest: { ...latest, committedAt: '2025-12-31T23:30:00Z' } },
    }),
  )
  expect((await personAt(api).type('versions ours -n serving')).out).toMatch(/^VERSION .*\nv3 /)
  const get = api.get.bind(api)
  api.get = async (ref) => {
    if (ref.namespace === 'vision') throw new ApiError(403, { reason: 'Forbidden', message: 'forbidden' })
    return get(ref)
  }
  const person = personAt(api)
  const told = await person.type('versions ours -n serving')
  expect([told.code, told.notes]).toEqual([4, expect.stringContaining('ours is an alias of vision/mnist')])
  const { code, out } = await person.type('get ours -n serving')
  expect(code).toBe(0)
  expect(out).toMatch(/Alias of: +vision\/mnist\n/)
  expect(out).toMatch(/Latest: +v2, 20 files, 1.0 KiB\n/)
})

test('a wait outlasts a server that is away for a moment', async () => {
  const api = visionApi()
  let away = 3
  const get = api.get.bind(api)
  api.get = async (ref) => {
    if (api.now > Date.parse('2026-01-01T00:00:00Z') && away-- > 0) throw new ApiError(503, { message: 'not now' })
    return get(ref)
  }
  const each = () => {
    if (api.now < Date.parse('2026-01-01T00:00:03Z')) return
    api.change<Dataset>(kinds.Dataset, 'vision', 'mnist', ({ status }) => {
      status!.tags = [{ name: 'prod', version: 'v2', movedAt: '2026-01-01T00:00:00Z' }]
    })
  }
  const { code, notes } = await personAt(api, { each }).type('tag set mnist prod v2 --wait')
  expect([code, notes]).toEqual([0, expect.stringContaining('not now')])
})
