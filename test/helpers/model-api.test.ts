import { describe, expect, test } from 'vitest'
import { Claim, Dataset, Job, Namespace, Pod } from '../../src/api/kinds.ts'
import type { Condition, Controller, KubeObject } from '../../src/kube/types.ts'
import { crashEverywhere, drive } from './drive.ts'
import { ModelApi } from './model-api.ts'

/** A kind of our own, with a status that no schema declares. */
const Example = { apiVersion: 'example.org/v1', kind: 'Example', plural: 'examples', namespaced: true }

interface Thing extends KubeObject {
  spec?: Record<string, unknown>
  status?: Record<string, unknown> & { conditions?: Partial<Condition>[] }
}

const dataset = (name = 'mnist', metadata = {}): Thing => ({
  apiVersion: Example.apiVersion,
  kind: 'Example',
  metadata: { name, namespace: 'vision', ...metadata },
  spec: {},
})
const job = (name: string, owner: KubeObject): Thing => ({
  apiVersion: 'batch/v1',
  kind: 'Job',
  metadata: {
    name,
    namespace: 'vision',
    ownerReferences: [
      { apiVersion: owner.apiVersion, kind: owner.kind, name: owner.metadata.name, uid: owner.metadata.uid ?? '' },
    ],
  },
})
const ref = (object: KubeObject, kind = Example) => ({ kind, namespace: 'vision', name: object.metadata.name })
const caught = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => error,
  )

describe('the model of the API server', () => {
  test('creates once, without the status, and numbers generations', async () => {
    const api = new ModelApi()
    const made = await api.create({ ...dataset(), status: { phase: 'x' } })
    expect(made.status).toBeUndefined()
    expect(made.metadata).toMatchObject({ generation: 1, uid: expect.any(String), resourceVersion: expect.any(String) })
    expect(await caught(api.create(dataset()))).toMatchObject({ isAlreadyExists: true, isConflict: false })
    const next = api.change<Thing>(Example, 'vision', 'mnist', (object) => {
      object.spec = { description: 'x' }
    })
    expect(next.metadata.generation).toBe(2)
    expect(await caught(api.get(ref(dataset('other'))))).toMatchObject({ isNotFound: true })
  })

  test("apply: what a manager leaves out goes, what is another one's stays", async () => {
    const api = new ModelApi()
    const made = await api.create(dataset())
    const condition = (type: string) => ({ type, status: 'True' })
    await api.applyStatus(made, { a: 1, conditions: [condition('Ready'), condition('Old')] }, 'one')
    await api
      .applyStatus(made, { b: 2, conditions: [condition('Other')] }, 'two')
      .catch((error) => expect(error.isConflict).toBe(true))
    const {
      metadata: { name, namespace, uid },
    } = made
    const bare = { ...made, metadata: { name, namespace, uid } } as Thing
    await api.applyStatus(bare, { b: 2, conditions: [condition('Other')] }, 'two')
    const last = await api.applyStatus(bare, { conditions: [condition('Ready')] }, 'one')
    expect(last.status).toEqual({ b: 2, conditions: [condition('Ready'), condition('Other')] })
    const same = await api.applyStatus(bare, { conditions: [condition('Ready')] }, 'one')
    expect(same.metadata.resourceVersion).toBe(last.metadata.resourceVersion)
  })

  test('apply with the uid of what is gone makes nothing', async () => {
    const api = new ModelApi()
    const thing = dataset('gone', { uid: 'u1' })
    expect(await caught(api.apply(thing, 'one'))).toMatchObject({ isConflict: true })
    expect(await caught(api.applyStatus(thing, {}, 'one'))).toMatchObject({ isNotFound: true })
  })

  test('a JSON patch whose test fails is a conflict and changes nothing', async () => {
    const api = new ModelApi()
    const made = await api.create(dataset())
    const before = api.snapshot()
    const ops = [
      { op: 'add' as const, path: '/metadata/labels', value: { a: 'b' } },
      { op: 'test' as const, path: '/metadata/uid', value: 'another' },
    ]
    expect(await caught(api.patch(ref(made), ops))).toMatchObject({ isConflict: true, code: 422 })
    expect(api.snapshot()).toEqual(before)
  })

  test('holds our kinds to their schemas', async () => {
    const api = new ModelApi()
    const wanted: Thing = { ...dataset(), apiVersion: Dataset.apiVersion, kind: 'Dataset' }
    const made = await api.create(wanted)
    const { resourceVersion: _, ...metadata } = made.metadata
    const apply = (status: Record<string, unknown>) => caught(api.applyStatus({ ...made, metadata }, status, 'one'))
    expect((await apply({ latest: { names: 'x' } })).message).toMatch(
      '.status.latest.names: field not declared in schema',
    )
    expect(await apply({ versions: 'many' })).toMatchObject({
      isInvalid: true,
      message: expect.stringContaining('status.versions'),
    })
    expect(await apply({ conditions: [{ type: 'Ready' }] })).toMatchObject({
      isInvalid: true,
      message: expect.stringContaining('Required value'),
    })
    const other = { ...wanted, metadata: { ...wanted.metadata, name: 'other' }, spec: { description: 7 } }
    expect(await caught(api.create(other))).toMatchObject({ isInvalid: true })
  })

  test('finalizers hold, then it goes with what it owns', async () => {
    const api = new ModelApi()
    const made = await api.create(dataset('mnist', { finalizers: ['granary.dev/dataset'] }))
    const child = await api.create(job('granary-import', made))
    await api.create({ ...job('pod', child), apiVersion: 'v1', kind: 'Pod' })
    expect(await caught(api.delete({ ...ref(made), uid: 'another' }))).toMatchObject({ isConflict: true })
    await api.delete({ ...ref(made), uid: made.metadata.uid ?? '' })
    expect(api.find(Example, 'vision', 'mnist')?.metadata.deletionTimestamp).toBeDefined()
    await api.patch(ref(made), [{ op: 'remove', path: '/metadata/finalizers/0' }])
    expect([api.all(Example), api.all(Job), api.all(Pod)]).toEqual([[], [], []])
  })

  test('a namespace that goes refuses what is new and waits for what holds', async () => {
    const api = new ModelApi()
    api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'vision' } })
    api.seed({
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      metadata: { name: 'out', namespace: 'vision', finalizers: ['granary.dev/finalize'] },
    })
    api.remove(Namespace, undefined, 'vision')
    expect(await caught(api.create(dataset()))).toMatchObject({ isForbidden: true })
    expect(api.find(Namespace, undefined, 'vision')).toBeDefined()
    api.change(Claim, 'vision', 'out', ({ metadata }) => {
      metadata.finalizers = []
    })
    expect(api.all()).toEqual([])
  })
})

/** A small controller: a Job per Example, then a status from it. `careless` makes another Job each time it looks. */
const toy = (careless = false): Controller => {
  const controller: Controller<{ dataset: Thing; job: Thing | undefined; jobs: number }> = {
    name: 'toy',
    watches: [
      { kind: Example, keys: ({ metadata }) => [`${metadata.namespace}/${metadata.name}`] },
      {
        kind: Job,
        keys: ({ metadata }) => (metadata.ownerReferences ?? []).map(({ name }) => `${metadata.namespace}/${name}`),
      },
    ],
    observe: async (reader, key) => {
      const [namespace, name] = key.split('/') as [string, string]
      const found = await reader.get<Thing>(Example, namespace, name)
      const jobs = await reader.byIndex<Thing>(Job, 'owner', name)
      return found && { dataset: found, job: jobs.at(-1), jobs: jobs.length }
    },
    decide: (world) => {
      const { uid } = world.dataset.metadata
      if (careless ? world.jobs < 3 && !world.dataset.status : !world.job)
        return { create: [job(`work-${uid}-${careless ? world.jobs : 1}`, world.dataset)] }
      const phase = world.job?.status?.done ? 'Done' : 'Waiting'
      const { name, namespace } = world.dataset.metadata
      const object = { ...world.dataset, metadata: { name, namespace: namespace ?? '', uid: uid ?? '' } }
      const status = world.dataset.status?.phase === phase ? {} : { status: [{ object, status: { phase } }] }
      return { ...status, ...(phase === 'Waiting' ? { requeueAfter: 10_000 } : {}) }
    },
  }
  return controller
}
const prepare = () => {
  const api = new ModelApi()
  api.seed(dataset())
  return api
}
const indexes = {
  jobs: { owner: ({ metadata }: KubeObject) => (metadata.ownerReferences ?? []).map(({ name }) => name) },
}
const mover = (api: ModelApi) => {
  const open = api.all<Thing>(Job).find(({ status }) => !status)
  if (!open) return false
  api.change<Thing>(Job, 'vision', open.metadata.name, (object) => {
    object.status = { done: true }
  })
  return true
}

describe('drive', () => {
  test('runs to the end, timers and actors included', async () => {
    const api = prepare()
    const driven = await drive(api, { controllers: () => [toy()], indexes, actors: [mover] })
    expect(api.find<Thing>(Example, 'vision', 'mnist')?.status).toEqual({ phase: 'Done' })
    expect(driven.errors).toEqual([])
  })

  test('a crash at every call ends the same', async () => {
    expect(await crashEverywhere(prepare, { controllers: () => [toy()], indexes, actors: [mover] })).toBe(6)
  })

  test('finds a controller that counts on its memory', async () => {
    let made = 0
    const forgetful = (): Controller => {
      const inner = toy() as unknown as Controller<{ dataset: Thing; job: Thing | undefined }>
      const decide = inner.decide.bind(inner)
      return {
        ...inner,
        decide: (world: never) =>
          (world as { job?: Thing }).job
            ? decide(world)
            : { create: [job(`random-${++made}`, (world as { dataset: Thing }).dataset)] },
      }
    }
    await expect(
      crashEverywhere(prepare, { controllers: () => [forgetful()], indexes, actors: [mover] }),
    ).rejects.toThrow(/crash before call 1/)
  })

  test('says so when two looks undo each other', async () => {
    const flip: Controller<{ dataset: Thing }> = {
      ...(toy() as unknown as Controller<{ dataset: Thing }>),
      decide: ({ dataset: found }) => ({ status: [{ object: found, status: { on: !found.status?.on } }] }),
    }
    const run = drive(prepare(), { controllers: () => [flip], indexes, limit: 100 })
    await expect(run).rejects.toThrow(/going in circles/)
  })
})
