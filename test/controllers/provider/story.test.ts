import { expect, test, vi } from 'vitest'
import type { Dataset } from '../../../src/api/dataset.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { MoveDone, MoveFailed } from '../../../src/api/move-result.ts'
import { finalizers } from '../../../src/api/names.ts'
import type { StorageProvider } from '../../../src/api/storage-provider.ts'
import { indexes, providerController } from '../../../src/controllers/provider/index.ts'
import { type Actor, crashEverywhere, type DriveOptions, drive } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'
import { helpers, kubelet, modelWith, namespace, provider, withHelpers, withSource } from '../dataset/actors.ts'

// Many runs of a model: a busy machine needs its time.
vi.setConfig({ testTimeout: 120_000 })

const options = (...actors: Actor[]): DriveOptions => ({
  controllers: () => [providerController() as never, ...helpers()],
  indexes: withHelpers(indexes),
  actors,
  horizon: 3_600_000,
})
const find = (api: ModelApi, name = 'bucket') =>
  api.find<StorageProvider>(kinds.StorageProvider, namespace, name) as StorageProvider
const conditions = (api: ModelApi, name = 'bucket') =>
  Object.fromEntries((find(api, name).status?.conditions ?? []).map((one) => [one.type, `${one.status} ${one.reason}`]))

const able = (putIfAbsent = true): MoveDone => ({
  op: 'Probe',
  outcome: 'Done',
  locations: [{ putIfAbsent, getIfMatch: true, multipartIfAbsent: true, versioning: false, checksums: true }],
})

test('a store is probed once, and again when its spec changes and a day later', async () => {
  const api = modelWith(provider())
  let probes = 0
  const world = options(
    kubelet((spec) => {
      expect(spec).toMatchObject({
        op: 'Probe',
        locations: [{ name: 'store', s3: { bucket: 'team' }, prefix: 'all/', credentials: 'Files' }],
      })
      probes++
      return able(probes < 3)
    }),
  )
  await drive(api, world)
  expect(probes).toBe(1)
  expect(conditions(api)).toEqual({
    Reachable: 'True Reachable',
    Ready: 'True Ready',
    WeakCommitGuard: 'False StrongCommitGuard',
  })
  expect(find(api).status).toMatchObject({ capabilities: { putIfAbsent: true }, location: 's3://team/all/', users: 0 })
  expect(api.all(kinds.Job)).toEqual([])
  api.change<StorageProvider>(kinds.StorageProvider, namespace, 'bucket', (object) => {
    Object.assign(object.spec.s3 ?? {}, { endpoint: 'http://127.0.0.1:7070' })
  })
  await drive(api, world)
  expect(probes).toBe(2)
  await drive(api, { ...world, horizon: 100_000_000 })
  expect(probes).toBe(3)
  expect(conditions(api)).toMatchObject({ Ready: 'True Ready', WeakCommitGuard: 'True WeakCommitGuard' })
})

test('a bucket of Google Cloud Storage is probed as it is asked for', async () => {
  const gcs = { bucket: 'team', endpoint: 'https://storage.example.com' }
  const api = modelWith(provider({ s3: undefined, gcs, credentials: { serviceAccountName: 'trainer' } }))
  const location = { name: 'store', gcs, prefix: 'all/', credentials: 'Ambient' }
  const world = options(
    kubelet((spec) => {
      expect(spec).toEqual({ op: 'Probe', locations: [location] })
      return able()
    }),
  )
  await drive(api, world)
  expect(find(api).status).toMatchObject({ capabilities: { getIfMatch: true }, location: 'gs://team/all/' })
  expect(conditions(api)).toMatchObject({ Ready: 'True Ready', Reachable: 'True Reachable' })
})

test.each<[string, MoveFailed | MoveDone]>([
  [
    'a mover that failed',
    { op: 'Probe', outcome: 'Failed', reason: 'CredentialsDenied', message: 'The server refuses the key.' },
  ],
  [
    'a location that failed',
    {
      op: 'Probe',
      outcome: 'Done',
      locations: [{ reason: 'CredentialsDenied', message: 'The server refuses the key.' }],
    },
  ],
])('%s: said, tried again with growing pauses, healed', async (_, failure) => {
  const api = modelWith(provider())
  const tries: number[] = []
  let mended = false
  const world = options(
    kubelet(() => {
      tries.push(api.now)
      return mended ? able() : failure
    }),
  )
  const { events } = await drive(api, world)
  expect(conditions(api)).toEqual({
    Reachable: 'False CredentialsDenied',
    Ready: 'False CredentialsDenied',
    Reconciling: 'True CredentialsDenied',
  })
  expect(find(api).status?.lastFailure?.message).toBe('The server refuses the key.')
  expect(events.filter((event) => event.reason === 'CredentialsDenied')).toHaveLength(1)
  const pauses = tries.slice(1).map((at, i) => Math.round((at - (tries[i] ?? 0)) / 1000))
  expect(pauses.slice(0, 4)).toEqual([1, 2, 4, 8])
  expect(Math.max(...pauses)).toBe(300)
  mended = true
  await drive(api, { ...world, horizon: 400_000 })
  expect(conditions(api)).toMatchObject({ Reachable: 'True Reachable', Ready: 'True Ready' })
  expect(find(api).status?.lastFailure).toBeUndefined()
})

test('of two defaults the second is Stalled; a claim is probed as a bucket is', async () => {
  const second = { ...provider(), metadata: { name: 'other', namespace } }
  const claim = {
    ...provider({ s3: undefined, claim: { name: 'disk' }, default: false }),
    metadata: { name: 'disk', namespace },
  }
  const api = modelWith(provider())
  api.now += 1000
  api.seed(second)
  api.seed(claim)
  await drive(api, options(kubelet(() => able())))
  expect(conditions(api)).toMatchObject({ Ready: 'True Ready' })
  expect(conditions(api, 'other')).toMatchObject({ Ready: 'False DuplicateDefault', Stalled: 'True DuplicateDefault' })
  expect(conditions(api, 'disk')).toMatchObject({ Ready: 'True Ready', Reachable: 'True Reachable' })
})

test('it stays while a Dataset uses it', async () => {
  const api = modelWith(provider(), withSource())
  const world = options(kubelet(() => able()))
  await drive(api, world)
  expect(find(api).metadata.finalizers).toEqual([finalizers.provider])
  api.remove(kinds.StorageProvider, namespace, 'bucket')
  await drive(api, world)
  expect(conditions(api)).toMatchObject({ Ready: 'False InUse' })
  api.remove(kinds.Dataset, namespace, 'mnist')
  await drive(api, world)
  expect(find(api)).toBeUndefined()
})

test('a quota that refuses the pod is said with the words of the API server', async () => {
  const api = modelWith(provider())
  const refused: Actor = (model) => {
    const [job] = model.all(kinds.Job)
    if (!job || model.all(kinds.Event).length > 0) return false
    model.seed({
      apiVersion: 'v1',
      kind: 'Event',
      metadata: { name: 'e', namespace },
      involvedObject: { uid: job.metadata.uid },
      reason: 'FailedCreate',
      message: 'pods "x" is forbidden: exceeded quota: none',
    } as never)
    return true
  }
  await drive(api, { ...options(refused), horizon: 60_000 })
  expect(conditions(api)).toMatchObject({ Reachable: 'False QuotaExceeded', Ready: 'False QuotaExceeded' })
  expect(find(api).status?.conditions?.find((one) => one.type === 'Ready')?.message).toContain('exceeded quota: none')
})

test('whatever call the operator dies at, the end is the same', async () => {
  const tried = await crashEverywhere(() => modelWith(provider(), withSource()), {
    ...options(kubelet(() => able())),
    check: (api) => {
      expect(conditions(api)).toMatchObject({ Ready: 'True Ready' })
      expect(api.all(kinds.Job)).toEqual([])
      expect(api.find<Dataset>(kinds.Dataset, namespace, 'mnist')?.status).toBeUndefined()
    },
  })
  expect(tried).toBeGreaterThan(6)
})
