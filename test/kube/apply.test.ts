import { beforeEach, describe, expect, test } from 'vitest'
import { Dataset } from '../../src/api/kinds.ts'
import { ApiError } from '../../src/kube/api-error.ts'
import { applyPlan } from '../../src/kube/apply.ts'
import { liveReader } from '../../src/kube/reader.ts'
import { reconcileOnce } from '../../src/kube/reconcile.ts'
import type { Controller, EventSpec, KubeObject, Plan } from '../../src/kube/types.ts'
import { ModelApi } from '../helpers/model-api.ts'

const caught = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => error,
  )
const child = (name: string, ownerUid: string, labels = {}): KubeObject => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name,
    namespace: 'vision',
    labels,
    ownerReferences: [{ apiVersion: Dataset.apiVersion, kind: 'Dataset', name: 'mnist', uid: ownerUid }],
  },
})

/** Without the resourceVersion, which a patch of the same plan makes old. */
const unguarded = ({ metadata: { resourceVersion: _, ...metadata }, ...object }: KubeObject) => ({
  ...object,
  metadata,
})

describe('carrying out a plan', () => {
  let api: ModelApi
  let dataset: KubeObject
  let events: EventSpec[]
  const run = (plan: Plan) =>
    applyPlan(
      { client: api, recorder: { record: (event) => void events.push(event) }, fieldManager: 'granary-test' },
      plan,
    )

  beforeEach(() => {
    api = new ModelApi()
    events = []
    dataset = api.seed({
      apiVersion: Dataset.apiVersion,
      kind: 'Dataset',
      metadata: { name: 'mnist', namespace: 'vision' },
    })
  })
  const uid = () => dataset.metadata.uid ?? ''
  const ref = () => ({ kind: Dataset, namespace: 'vision', name: 'mnist', uid: uid() })

  test('goes create, apply, patch, delete, status, events, and says what it wrote', async () => {
    const other = api.seed<KubeObject>({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'old', namespace: 'vision' },
    })
    const written = await run({
      events: [{ regarding: dataset, type: 'Normal', reason: 'R', message: 'm' }],
      status: [{ object: unguarded(dataset), status: { versions: 1 } }],
      delete: [
        {
          kind: { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true },
          namespace: 'vision',
          name: 'old',
          uid: other.metadata.uid ?? '',
        },
      ],
      patch: [{ ref: ref(), ops: [{ op: 'add', path: '/metadata/finalizers', value: ['x'] }] }],
      apply: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'new', namespace: 'vision' } }],
      create: [child('j', uid())],
    })
    expect(api.calls.map(({ verb, kind }) => `${verb} ${kind}`)).toEqual([
      'create Job',
      'apply ConfigMap',
      'patch Dataset',
      'delete ConfigMap',
      'applyStatus Dataset',
    ])
    expect([written.map(({ kind }) => kind), events]).toEqual([
      ['Job', 'ConfigMap', 'Dataset', 'Dataset'],
      [expect.objectContaining({ reason: 'R' })],
    ])
  })

  test('stops at the first failure', async () => {
    const failing = run({
      patch: [{ ref: ref(), ops: [{ op: 'test', path: '/metadata/uid', value: 'other' }] }],
      status: [{ object: dataset, status: {} }],
    })
    expect(await caught(failing)).toMatchObject({ isConflict: true })
    expect(api.calls).toHaveLength(1)
  })

  test('what is there already is fine when it is ours, by owner or by label', async () => {
    await run({ create: [child('j', uid()), child('l', uid(), { 'granary.dev/owner-uid': 'u' })] })
    const elsewhere = child('l', uid(), { 'granary.dev/owner-uid': 'u' })
    delete elsewhere.metadata.ownerReferences
    expect(await run({ create: [child('j', uid()), elsewhere] })).toHaveLength(2)
    expect(events).toEqual([])
  })

  test("what is there already and somebody else's is an error that the owner shows", async () => {
    api.seed({ apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', namespace: 'vision' } })
    expect(await caught(run({ create: [child('j', uid())] }))).toMatchObject({
      name: 'TerminalError',
      reason: 'NameTaken',
    })
    expect(events).toEqual([
      {
        regarding: expect.objectContaining({ kind: 'Dataset' }),
        type: 'Warning',
        reason: 'NameTaken',
        message: 'Job vision/j exists and is not ours: rename or delete it',
      },
    ])
  })

  test.each([
    ['exceeded quota: team, requested: 1', 'QuotaExceeded'],
    ['violates PodSecurity "restricted"', 'CreateRefused'],
  ])('a child that is refused with "%s" shows on its owner', async (message, reason) => {
    api.admission = () => message
    expect(await caught(run({ create: [child('j', uid())] }))).toBeInstanceOf(ApiError)
    expect(events).toEqual([expect.objectContaining({ reason, message })])
  })

  test('deletes nothing without a uid, and minds not that it is gone', async () => {
    const { uid: _, ...bare } = ref()
    expect((await caught(run({ delete: [bare] }))).message).toMatch('will not delete Dataset vision/mnist')
    await run({ delete: [ref()] })
    await run({ delete: [ref()] })
    expect(api.all()).toEqual([])
  })

  test('a live plan is decided again from the API server, and that decision holds', async () => {
    const stale = { ...liveReader(api, new Map()), live: false, get: async () => dataset as never }
    const controller: Controller<KubeObject> = {
      name: 'test',
      watches: [],
      observe: (reader) => reader.get<KubeObject>(Dataset, 'vision', 'mnist'),
      decide: (found) => (found.metadata.labels?.keep ? { requeueAfter: 7 } : { live: true, delete: [ref()] }),
    }
    api.change(Dataset, 'vision', 'mnist', ({ metadata }) => {
      metadata.labels = { keep: 'yes' }
    })
    const deps = {
      client: api,
      recorder: { record: () => {} },
      fieldManager: 'x',
      cached: stale,
      live: () => liveReader(api, new Map()),
      now: () => 0,
    }
    expect(await reconcileOnce(deps, controller as unknown as Controller, 'vision/mnist')).toEqual({ requeueAfter: 7 })
    expect(api.find(Dataset, 'vision', 'mnist')).toBeDefined()
  })
})
