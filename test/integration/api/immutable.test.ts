import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { structural } from '../../../src/api/crd.ts'
import { dataset } from '../../../src/api/crds/dataset.ts'
import { datasetVersion } from '../../../src/api/crds/dataset-version.ts'
import { storageProvider } from '../../../src/api/crds/storage-provider.ts'
import { volumeCache } from '../../../src/api/crds/volume-cache.ts'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { connectObjects, type Manifest, type Objects } from '../../helpers/objects.ts'

/** What may change of an object that exists, on either subresource; removing a field is a change. */

let server: ApiServer
let objects: Objects
let n = 0
let name = ''

beforeAll(async () => {
  server = await startApiServer()
  objects = connectObjects(server)
  await objects.installCrds()
})

afterAll(async () => {
  await objects?.close()
  await server?.stop()
})

beforeEach(() => {
  n += 1
  name = `subject-${n}`
})

const make = async (kind: string, spec: unknown, status?: unknown): Promise<Manifest> => {
  const subject: Manifest = { apiVersion: 'granary.dev/v1alpha1', kind, metadata: { name }, spec }
  expect((await objects.create(subject)).body.message).toBeUndefined()
  if (status !== undefined) {
    const answer = await objects.merge(subject, { status }, { status: true })
    expect(answer.body.message).toBeUndefined()
  }
  return subject
}

const expectRefused = async (subject: Manifest, patch: unknown, sentence: string, status = false) => {
  const answer = await objects.merge(subject, patch, { status })
  expect(answer.body.message).toContain(sentence)
  expect(answer.status).toBe(422)
}

const expectTaken = async (subject: Manifest, patch: unknown, status = false) => {
  const answer = await objects.merge(subject, patch, { status })
  expect(answer.body.message).toBeUndefined()
}

const digest = 'a'.repeat(64)
const other = 'b'.repeat(64)
const committed = {
  phase: 'Committed',
  sequence: 3,
  version: 'v3',
  digest,
  rootDigest: digest,
  files: 3,
  bytes: 30,
}

describe('DatasetVersion', () => {
  const written = {
    dataset: 'mnist',
    base: 'v1',
    commit: 'Manual',
    checkpoint: { interval: '10m' },
    expectedParent: 'v1',
    volume: { size: '1Gi' },
  }

  test.each([
    ['dataset', 'other'],
    ['base', 'v2'],
    ['base', null],
    ['commit', 'OnRelease'],
    ['commit', null],
    ['checkpoint', { interval: '5m' }],
    ['checkpoint', null],
    ['expectedParent', 'v2'],
    ['expectedParent', null],
    ['volume', { size: '2Gi' }],
    ['volume', null],
  ])('spec.%s does not become %j', async (field, value) => {
    const subject = await make('DatasetVersion', written)
    await expectRefused(subject, { spec: { [field]: value } }, `spec.${field} is immutable`)
  })

  test.each([
    ['base', 'v1'],
    ['from', { source: {} }],
    ['commit', 'Manual'],
    ['checkpoint', { interval: '5m' }],
    ['expectedParent', 'v2'],
    ['volume', { size: '2Gi' }],
  ])('spec.%s is not added later', async (field, value) => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' })
    await expectRefused(subject, { spec: { [field]: value } }, `spec.${field} is immutable`)
  })

  test('where it comes from does not change', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist', from: { source: {} } })
    await expectRefused(subject, { spec: { from: null } }, 'spec.from is immutable')
    await expectRefused(subject, { spec: { from: { source: null, claim: { name: 'a' } } } }, 'spec.from is immutable')
  })

  test('a commit can be asked for, and not taken back', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist', committed: false })
    await expectTaken(subject, { spec: { committed: true } })
    await expectRefused(subject, { spec: { committed: false } }, 'does not go back from true')
    await expectRefused(subject, { spec: { committed: null } }, 'does not go back from true')
  })

  test('where it comes from is exactly one place, for good', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist', from: { version: 'v1' } })
    await expectRefused(subject, { spec: { from: { version: 'v2' } } }, 'spec.from is immutable')
    await expectRefused(subject, { spec: { from: { source: {} } } }, 'from is exactly one of')
  })

  test('a version that expired comes back as what it was, and as nothing else', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' }, committed)
    await expectTaken(subject, { status: { phase: 'Expired' } }, true)
    await expectRefused(subject, { status: { digest: other } }, 'status.digest of a committed version', true)
    await expectRefused(subject, { status: { rootDigest: null } }, 'status.rootDigest of a committed version', true)
    await expectRefused(subject, { status: { phase: 'Running' } }, 'a committed version stays committed', true)
    await expectTaken(subject, { status: { phase: 'Committed' } }, true)
    await expectTaken(subject, { status: { phase: 'Deleting' } }, true)
  })

  test('message and tags change until the commit', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist', message: 'a', tags: ['a'] })
    await expectTaken(subject, { spec: { message: 'b', tags: ['a', 'b'] } })
    await expectTaken(subject, { status: committed }, true)
    await expectRefused(subject, { spec: { message: 'c' } }, 'immutable once the version is committed')
    await expectRefused(subject, { spec: { message: null } }, 'immutable once the version is committed')
    await expectRefused(subject, { spec: { tags: ['c'] } }, 'immutable once the version is committed')
    await expectRefused(subject, { spec: { tags: null } }, 'immutable once the version is committed')
  })

  test('its number is written once, long before the commit', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' }, { sequence: 3, phase: 'Running' })
    await expectRefused(subject, { status: { sequence: 4 } }, 'status.sequence is written once', true)
    await expectRefused(subject, { status: { sequence: null } }, 'status.sequence is written once', true)
    await expectTaken(subject, { status: { phase: 'Finalizing' } }, true)
  })

  test.each([
    ['digest', other],
    ['rootDigest', other],
    ['files', 4],
    ['bytes', 31],
    ['version', 'v4'],
  ])('status.%s of a committed one is written once', async (field, value) => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' }, committed)
    const sentence = `status.${field} of a committed version is written once`
    await expectRefused(subject, { status: { [field]: value } }, sentence, true)
    await expectRefused(subject, { status: { [field]: null } }, sentence, true)
  })

  test('a committed one does not go back', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' }, committed)
    await expectRefused(subject, { status: { phase: 'Running' } }, 'stays committed', true)
    await expectRefused(subject, { status: { phase: null } }, 'stays committed', true)
    await expectTaken(subject, { status: { phase: 'Expired' } }, true)
    await expectRefused(subject, { status: { digest: other } }, 'is written once', true)
  })

  test('what is not fixed goes on changing after the commit', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' }, committed)
    await expectTaken(subject, { status: { mirror: { files: 3 }, claimName: 'a' } }, true)
    await expectTaken(subject, { metadata: { annotations: { 'granary.dev/verify-requested-at': '1' } } })
  })

  test('the status of one that was never written to can be removed', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' }, { phase: 'Pending' })
    await expectTaken(subject, { status: null }, true)
  })

  test('two controllers write their own fields of the status', async () => {
    const subject = await make('DatasetVersion', { dataset: 'mnist' })
    const status = (fields: object): Manifest => ({
      apiVersion: subject.apiVersion,
      kind: subject.kind,
      metadata: subject.metadata,
      status: fields,
    })
    const numbers = status({ sequence: 3, version: 'v3', openedAt: '2026-01-01T00:00:00Z' })
    const { sequence: _, version: __, ...results } = committed
    expect((await objects.apply(numbers, { status: true, manager: 'granary-dataset' })).status).toBe(200)
    const answer = await objects.apply(status(results), { status: true, manager: 'granary-version' })
    expect(answer.body.status).toMatchObject(committed)
  })
})

describe('Dataset', () => {
  const store = {
    s3: { bucket: 'team-bucket', endpoint: 'http://a' },
    prefix: 'granary/',
    credentials: { secretName: 'a' },
  }
  const fixed = 'the store is fixed once a version exists'

  test('its store changes while there is no version', async () => {
    const subject = await make('Dataset', { store }, { versions: 0 })
    await expectTaken(subject, { spec: { store: { s3: { bucket: 'other-bucket' } } } })
    await expectTaken(subject, { spec: { store: null } })
  })

  test('its store is fixed once there is one', async () => {
    const subject = await make('Dataset', { store }, { versions: 1 })
    await expectRefused(subject, { spec: { store: { s3: { bucket: 'other-bucket' } } } }, fixed)
    await expectRefused(subject, { spec: { store: { prefix: 'other/' } } }, fixed)
    await expectRefused(subject, { spec: { store: { prefix: null } } }, fixed)
    await expectRefused(subject, { spec: { store: { s3: null, provider: 'team', credentials: null } } }, fixed)
    await expectRefused(subject, { spec: { store: null } }, fixed)
  })

  test('how the store is reached may change', async () => {
    const subject = await make('Dataset', { store }, { versions: 1 })
    await expectTaken(subject, { spec: { store: { s3: { endpoint: 'https://b' }, credentials: { secretName: 'b' } } } })
    await expectTaken(subject, { spec: { store: { credentials: null } } })
  })

  test('another provider is another store', async () => {
    const subject = await make('Dataset', { store: { provider: 'team' } }, { versions: 1 })
    await expectRefused(subject, { spec: { store: { provider: 'other' } } }, fixed)
  })

  test('source and import may change', async () => {
    const subject = await make('Dataset', { source: { provider: 'a' } }, { versions: 1 })
    await expectTaken(subject, { spec: { source: { provider: 'b', prefix: 'x/' }, import: 'Copy' } })
    await expectTaken(subject, { spec: { source: null } })
  })

  test('no number is given twice', async () => {
    const subject = await make('Dataset', {}, { nextSequence: 5 })
    await expectTaken(subject, { status: { nextSequence: 6 } }, true)
    await expectRefused(subject, { status: { nextSequence: 5 } }, 'never goes back', true)
    await expectRefused(subject, { status: { nextSequence: null } }, 'never goes back', true)
  })
})

describe('StorageProvider', () => {
  const spec = {
    s3: { bucket: 'team-bucket', endpoint: 'http://a' },
    prefix: 'team/',
    credentials: { secretName: 'a' },
  }
  const fixed = 'bucket, prefix and kind of a StorageProvider are immutable'

  test.each([
    ['another bucket', { s3: { bucket: 'other-bucket' } }],
    ['another prefix', { prefix: 'other/' }],
    ['no prefix', { prefix: null }],
    ['another kind', { s3: null, gcs: { bucket: 'team-bucket' } }],
  ])('%s is refused', async (_, patch) => {
    const subject = await make('StorageProvider', spec)
    await expectRefused(subject, { spec: patch }, fixed)
  })

  test('a prefix is not added', async () => {
    const subject = await make('StorageProvider', { s3: spec.s3 })
    await expectRefused(subject, { spec: { prefix: 'team/' } }, fixed)
    await expectTaken(subject, { spec: { prefix: '' } })
  })

  test('a claim stays the claim that it is', async () => {
    const subject = await make('StorageProvider', { claim: { name: 'a', path: 'b' } })
    await expectRefused(subject, { spec: { claim: { name: 'c' } } }, fixed)
    await expectRefused(subject, { spec: { claim: { path: null } } }, fixed)
  })

  test('endpoint, credentials and default may change', async () => {
    const subject = await make('StorageProvider', spec)
    await expectTaken(subject, { spec: { s3: { endpoint: 'https://b' }, credentials: null, default: true } })
  })
})

describe('VolumeCache', () => {
  test('it stays on its class and in its directory', async () => {
    const subject = await make('VolumeCache', { volume: { size: '1Gi', storageClassName: 'a' } })
    await expectRefused(subject, { spec: { volume: { storageClassName: 'b' } } }, 'is immutable')
    await expectRefused(subject, { spec: { volume: { storageClassName: null } } }, 'is immutable')
    await expectTaken(subject, { spec: { volume: { size: '2Gi' } } })
  })
})

/**
 * Every field of every spec, and what may become of it once versions exist: `fixed`: no change, no removal, no addition; `free`: all of them; `ruled`: some, as
 * the tests above say one by one. A new field is not decided by forgetting it.
 */
type Fate = ['fixed' | 'free', unknown, unknown] | 'ruled'
const fates: [
  string,
  { spec: object; status: object; fields: Record<string, Fate>; of: Parameters<typeof structural>[0] },
][] = [
  [
    'Dataset',
    {
      spec: {},
      status: { versions: 2, nextSequence: 3 },
      of: dataset.spec,
      fields: {
        description: ['free', 'a', 'b'],
        source: ['free', { provider: 'a' }, { provider: 'b' }],
        import: ['free', 'Copy', 'Auto'],
        store: 'ruled',
        adopt: ['free', true, false],
        sync: ['free', { interval: '1h' }, { interval: '2h' }],
        volume: ['free', { keep: 1 }, { keep: 2 }],
        outputs: ['free', { tags: ['a'] }, { tags: ['b'] }],
        writeBack: ['free', { provider: 'a', prefix: 'x/' }, { provider: 'a', prefix: 'y/' }],
        tags: ['free', { prod: 'v1' }, { prod: 'v2' }],
        retention: ['free', { keepLast: 1 }, { keepLast: 2 }],
        allowedNamespaces: ['free', { names: ['a'] }, { names: ['b'] }],
        mover: ['free', { priorityClassName: 'a' }, { priorityClassName: 'b' }],
        deletionPolicy: ['free', 'Delete', 'Retain'],
      },
    },
  ],
  [
    'DatasetVersion',
    {
      spec: { dataset: 'mnist' },
      status: committed,
      of: datasetVersion.spec,
      fields: {
        dataset: 'ruled',
        message: ['fixed', 'a', 'b'],
        tags: ['fixed', ['a'], ['b']],
        base: ['fixed', 'v1', 'v2'],
        from: ['fixed', { source: {} }, { claim: { name: 'a' }, source: null }],
        commit: ['fixed', 'Manual', 'OnRelease'],
        committed: 'ruled',
        checkpoint: ['fixed', { interval: '5m' }, { interval: '6m' }],
        expectedParent: ['fixed', 'v1', 'v2'],
        volume: ['fixed', { size: '1Gi' }, { size: '2Gi' }],
      },
    },
  ],
  [
    'StorageProvider',
    {
      spec: { s3: { bucket: 'team-bucket' } },
      status: {},
      of: storageProvider.spec,
      fields: {
        s3: 'ruled',
        gcs: 'ruled',
        claim: 'ruled',
        prefix: ['fixed', 'a/', 'b/'],
        credentials: ['free', { secretName: 'a' }, { secretName: 'b' }],
        caConfigMapName: ['free', 'a', 'b'],
        default: ['free', true, false],
        mover: ['free', { priorityClassName: 'a' }, { priorityClassName: 'b' }],
      },
    },
  ],
  [
    'VolumeCache',
    {
      spec: { volume: { size: '1Gi' } },
      status: {},
      of: volumeCache.spec,
      fields: {
        default: ['free', true, false],
        volume: 'ruled',
        preload: ['free', ['a'], ['b']],
        pins: ['free', ['a:v1'], ['a:v2']],
        idleTTL: ['free', '1h', '2h'],
        watermarks: ['free', { high: 80, low: 70 }, { high: 85, low: 70 }],
      },
    },
  ],
]

describe.each(fates)('every field of a %s', (kind, { spec, status, fields, of }) => {
  test('is in the table', () => {
    const { properties } = structural(of) as { properties: object }
    expect(Object.keys(fields).sort()).toEqual(Object.keys(properties).sort())
  })

  const decided = Object.entries(fields).flatMap(([field, fate]) =>
    fate === 'ruled' ? [] : [[field, ...fate] as const],
  )
  test.each(decided)('%s is %s', async (field, fate, value, other) => {
    const takes = fate === 'free'
    const change = async (subject: Manifest, to: unknown) => {
      const answer = await objects.merge(subject, { spec: { [field]: to } })
      expect(answer.status, `${JSON.stringify(to)}: ${answer.body.message}`).toBe(takes ? 200 : 422)
      if (!takes) expect(answer.body.message).toMatch(/immutable/)
    }
    const subject = await make(kind, { ...spec, [field]: value }, status)
    await change(subject, other)
    await change(subject, null)
    name = `${name}-later`
    await change(await make(kind, spec, status), value)
  })
})
