import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Cache } from '../../../src/kube/cache.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import { type Connection, connect } from '../../../src/kube/connection.ts'
import { type RunnerDeps, runController } from '../../../src/kube/controller.ts'
import { ApiEventRecorder } from '../../../src/kube/events.ts'
import { createClient } from '../../../src/kube/http-client.ts'
import { kindKey, refOf } from '../../../src/kube/kind-of.ts'
import { acquireLease } from '../../../src/kube/lease.ts'
import { createMetrics } from '../../../src/kube/metrics.ts'
import { cachedReader, liveReader } from '../../../src/kube/reader.ts'
import { reflect } from '../../../src/kube/reflector.ts'
import type { CacheSpec, Controller, Kind, KubeObject } from '../../../src/kube/types.ts'
import { systemClock } from '../../../src/lib/clock.ts'
import { TerminalError, WaitError } from '../../../src/lib/errors.ts'
import { createLog } from '../../../src/lib/log.ts'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { until } from '../../helpers/child.ts'

const ConfigMap: Kind = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true }
const Event: Kind = { apiVersion: 'v1', kind: 'Event', plural: 'events', namespaced: true }
const leaseKind: Kind = { apiVersion: 'coordination.k8s.io/v1', kind: 'Lease', plural: 'leases', namespaced: true }

interface Map extends KubeObject {
  data?: Record<string, string>
}
const map = (name: string, labels: Record<string, string>, data = {}): Map => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default', labels },
  data,
})

const log = createLog('fatal')
const clock = systemClock
let server: ApiServer
let connection: Connection
let client: KubeClient
const sent: string[] = []

beforeAll(async () => {
  server = await startApiServer()
  connection = connect(server.kubeconfig)
  client = createClient({ connection, answered: ({ verb, resource }) => sent.push(`${verb} ${resource}`) })
}, 900_000)

afterAll(async () => {
  await connection?.close()
  await server?.stop()
})

describe('the lease', () => {
  const options = { namespace: 'default', name: 'granary', duration: 6000, renewDeadline: 5000, retry: 100 }
  const holder = async () =>
    (
      await client.get<KubeObject & { spec: { holderIdentity: string } }>({
        kind: leaseKind,
        namespace: 'default',
        name: options.name,
      })
    ).spec.holderIdentity

  test('is held by one of two; the other one follows at once when it is released', async () => {
    const stop = new AbortController()
    const first = await acquireLease({ client, clock, log }, { ...options, identity: 'a' }, stop.signal)
    let second: Awaited<typeof first> | undefined
    const waiting = acquireLease({ client, clock, log }, { ...options, identity: 'b' }, stop.signal).then(
      (leadership) => {
        second = leadership
      },
    )
    const renewals = () => sent.filter((call) => call === 'patch leases').length
    const before = renewals()
    await until('some renewals', async () => renewals() > before + 5, 50)
    expect([await holder(), first.lost.aborted, second]).toEqual(['a', false, undefined])
    await first.release()
    await waiting
    expect(await holder()).toBe('b')
    await second?.release()
    expect([await holder(), second?.lost.aborted]).toEqual(['', false])
  })

  test('of a holder that is silent is taken; who finds another one in it has lost', async () => {
    const stop = new AbortController()
    let dead = false
    const dying: KubeClient = {
      ...client,
      get: (ref) => (dead ? Promise.reject(new Error('no network')) : client.get(ref)),
    }
    const first = await acquireLease({ client: dying, clock, log }, { ...options, identity: 'c' }, stop.signal)
    dead = true
    const second = await acquireLease({ client, clock, log }, { ...options, identity: 'd' }, stop.signal)
    expect([await holder(), first.lost.aborted, second.lost.aborted]).toEqual(['d', true, false])
    const patch = [{ op: 'add' as const, path: '/spec/holderIdentity', value: 'thief' }]
    await client.patch({ kind: leaseKind, namespace: 'default', name: options.name }, patch)
    await until('the loss to be seen', async () => second.lost.aborted, 50)
    await second.release()
    expect(await holder()).toBe('thief')
  })

  test('is waited for only until somebody says stop', async () => {
    const stop = new AbortController()
    const waiting = acquireLease({ client, clock, log }, { ...options, identity: 'e', duration: 600_000 }, stop.signal)
    stop.abort(new Error('stop'))
    await expect(waiting).rejects.toThrow('stop')
  })
})

describe('the runner', () => {
  const run = (specs: CacheSpec[], controller: Controller, own = log) => {
    const stop = new AbortController()
    const caches = new Map(specs.map((spec) => [kindKey(spec.kind), new Cache(spec)]))
    const filling = [...caches.values()].map((cache) =>
      reflect({ client, log }, { kind: cache.kind, labelSelector: cache.labelSelector }, cache, stop.signal),
    )
    const recorder = new ApiEventRecorder({ client, clock, log, identity: 'test' })
    const metrics = createMetrics()
    const indexes = new Map([...caches].map(([key, cache]) => [key, cache.indexes]))
    const deps: RunnerDeps = {
      client,
      caches,
      cached: cachedReader(client, caches),
      live: () => liveReader(client, indexes),
      recorder,
      metrics,
      log: own,
      clock,
    }
    const running = Promise.all([...caches.values()].map(({ synced }) => synced)).then(() =>
      runController(deps, controller, stop.signal),
    )
    return {
      metrics,
      stop: async () => {
        stop.abort()
        await Promise.all([running, ...filling])
        await recorder.flush()
      },
    }
  }

  /** Counts children of a parent up to what it asks for; each look makes at most one, named by what it sees. */
  const nursery = (looks: string[] = []): Controller => {
    const controller: Controller<{ parent: Map; children: Map[] }> = {
      name: 'nursery',
      watches: [{ kind: ConfigMap, keys: ({ metadata }) => [`default/${metadata.labels?.parent ?? metadata.name}`] }],
      observe: async (reader, key) => {
        looks.push(key)
        const [, name = ''] = key.split('/')
        const parent = await reader.get<Map>(ConfigMap, 'default', name)
        return parent && { parent, children: await reader.byIndex<Map>(ConfigMap, 'parent', name) }
      },
      decide: ({ parent, children }) => {
        const wanted = Number(parent.data?.wanted)
        if (children.length >= wanted) {
          const done = { regarding: parent, type: 'Normal' as const, reason: 'Complete', message: `${wanted} children` }
          return parent.data?.state === 'done'
            ? {}
            : {
                patch: [{ ref: refOf(parent), ops: [{ op: 'add', path: '/data/state', value: 'done' }] }],
                events: [done],
              }
        }
        // Without a name that is fixed, so that a look at a stale world shows.
        const child = map('', { test: 'nursery', parent: parent.metadata.name })
        return { create: [{ ...child, metadata: { ...child.metadata, generateName: 'child-' } }] }
      },
    }
    return controller as Controller
  }
  const parentIndex = ({ metadata }: KubeObject) => (metadata.labels?.parent ? [metadata.labels.parent] : [])
  const spec: CacheSpec = { kind: ConfigMap, labelSelector: 'test=nursery', indexes: { parent: parentIndex } }

  test('waits until the caches have what it wrote, so nothing is made twice; then it is quiet', async () => {
    await client.create(map('p1', { test: 'nursery' }, { wanted: '12' }))
    const looks: string[] = []
    const runner = run([spec], nursery(looks))
    const state = async () => (await client.get<Map>({ kind: ConfigMap, namespace: 'default', name: 'p1' })).data?.state
    await until('twelve children', async () => (await state()) === 'done', 50)
    const { items } = await client.list(ConfigMap, { namespace: 'default', labelSelector: 'test=nursery,parent=p1' })
    expect(items).toHaveLength(12)
    await until(
      'the event',
      async () =>
        (await client.list(Event, { namespace: 'default', fieldSelector: 'reason=Complete' })).items.length === 1,
      30,
    )

    let [last, since] = [[sent.length, looks.length], Date.now()]
    const stillFor = async (ms: number) => {
      const now = [sent.length, looks.length]
      if (now.some((count, i) => count !== last[i])) [last, since] = [now, Date.now()]
      return Date.now() - since >= ms
    }
    await until('requests and looks to stand still', () => stillFor(3000), 60)
    await runner.stop()
  })

  test('a namespace that is being deleted is no error: nothing new is made there, and nobody is told', async () => {
    const namespace = 'leaving'
    const kind: Kind = { apiVersion: 'v1', kind: 'Namespace', plural: 'namespaces', namespaced: false }
    await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name: namespace } })
    const parent = map('stays', { test: 'leaving' })
    await client.create({ ...parent, metadata: { ...parent.metadata, namespace } })
    const { metadata } = await client.get({ kind, name: namespace })
    // Nothing but the API server runs here: it stays Terminating.
    await client.delete({ kind, name: namespace, uid: metadata.uid ?? '' })
    const lines: string[] = []
    const controller: Controller<Map> = {
      name: 'leaving',
      watches: [{ kind: ConfigMap, keys: (object) => [`${namespace}/${object.metadata.name}`] }],
      observe: (reader, key) => reader.get<Map>(ConfigMap, namespace, key.split('/')[1] ?? ''),
      decide: (object) => {
        const child = map('child', { test: 'other' })
        const { apiVersion, kind: owner } = object
        const { name, uid = '' } = object.metadata
        const ownerReferences = [{ apiVersion, kind: owner, name, uid }]
        return { create: [{ ...child, metadata: { ...child.metadata, namespace, ownerReferences } }] }
      },
    }
    const own = createLog('debug', { write: (line) => void lines.push(line) })
    const runner = run([{ kind: ConfigMap, labelSelector: 'test=leaving' }], controller as Controller, own)
    const told = (level: string) => lines.map((line) => JSON.parse(line)).filter((line) => line.level === level)
    await until(
      'the refusal',
      async () => told('debug').some(({ msg }) => msg === 'the namespace is being deleted'),
      50,
    )
    await runner.stop()
    expect(told('error')).toEqual([])
    expect((await client.list(Event, { namespace: 'leaving' })).items).toEqual([])
  })

  test('a live plan is decided from the API server', async () => {
    await client.create(map('judge', { test: 'judge' }, { verdict: 'delete' }))
    const seen: boolean[] = []
    const controller: Controller<{ object: Map; live: boolean }> = {
      name: 'judge',
      watches: [{ kind: ConfigMap, keys: () => ['default/judge'] }],
      observe: async (reader, key) => {
        const object = await reader.get<Map>(ConfigMap, 'default', key.split('/')[1] ?? '')
        // Between the two looks a person changes their mind.
        if (object?.data?.verdict === 'delete' && !reader.live) {
          await client.patch(refOf(object), [{ op: 'replace', path: '/data/verdict', value: 'keep' }])
        }
        return object && { object, live: reader.live }
      },
      decide: ({ object, live }) => {
        seen.push(live)
        return object.data?.verdict === 'delete' ? { live: true, delete: [refOf(object)] } : {}
      },
    }
    const runner = run([{ kind: ConfigMap, labelSelector: 'test=judge' }], controller as Controller)
    await until('both looks', async () => seen.includes(true), 50)
    await runner.stop()
    expect(await client.get<Map>({ kind: ConfigMap, namespace: 'default', name: 'judge' })).toMatchObject({
      data: { verdict: 'keep' },
    })
  })

  test('each kind of error has its own next look', async () => {
    for (const name of ['wait', 'terminal', 'broken']) await client.create(map(name, { test: 'errors' }))
    const looks: Record<string, number> = {}
    const controller: Controller<string> = {
      name: 'errors',
      watches: [{ kind: ConfigMap, keys: ({ metadata }) => [metadata.name] }],
      observe: async (_, key) => key,
      decide: (key) => {
        looks[key] = (looks[key] ?? 0) + 1
        if (key === 'wait') throw new WaitError('Later', 'in a moment', 10)
        if (key === 'terminal') throw new TerminalError('Never', 'the user must act')
        throw new Error('a bug')
      },
    }
    const runner = run([{ kind: ConfigMap, labelSelector: 'test=errors' }], controller as Controller)
    await until('looks', async () => (looks.wait ?? 0) >= 5 && (looks.broken ?? 0) >= 3, 50)
    expect(looks.terminal).toBe(1)
    await client.patch({ kind: ConfigMap, namespace: 'default', name: 'terminal' }, [
      { op: 'add', path: '/data', value: { mended: 'yes' } },
    ])
    await until('a look after the change', async () => looks.terminal === 2, 50)
    await runner.stop()
    const text = await runner.metrics.registry.metrics()
    for (const kind of ['wait', 'terminal', 'error'])
      expect(text).toMatch(`granary_reconcile_errors_total{controller="errors",kind="${kind}"}`)
  })
})

describe('events', () => {
  test('the same one is one object, counted up, also by the next process', async () => {
    const regarding = await client.create(map('subject', {}))
    const event = { regarding, type: 'Warning' as const, reason: 'Repeated', message: 'x'.repeat(3000) }
    for (const identity of ['first', 'second']) {
      const recorder = new ApiEventRecorder({ client, clock, log, identity })
      for (let i = 0; i < 3; i++) recorder.record(event)
      await recorder.flush()
    }
    const { items } = await client.list<KubeObject & { count: number; message: string }>(Event, {
      namespace: 'default',
      fieldSelector: 'reason=Repeated',
    })
    expect(items.map(({ count, message }) => [count, message.length])).toEqual([[2, 1024]])
  })

  test('one of an object without namespace is found in default', async () => {
    const recorder = new ApiEventRecorder({ client, clock, log, identity: 'x' })
    const regarding = { apiVersion: 'v1', kind: 'PersistentVolume', metadata: { name: 'pv-1', uid: 'u' } }
    recorder.record({ regarding, type: 'Normal', reason: 'Cluster', message: 'm' })
    await recorder.flush()
    expect((await client.list(Event, { namespace: 'default', fieldSelector: 'reason=Cluster' })).items).toHaveLength(1)
  })
})
