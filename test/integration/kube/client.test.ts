import { readFile, writeFile } from 'node:fs/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { Dataset } from '../../../src/api/kinds.ts'
import { ApiError, isApiError } from '../../../src/kube/api-error.ts'
import { Cache } from '../../../src/kube/cache.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import { type Connection, connect } from '../../../src/kube/connection.ts'
import { createClient } from '../../../src/kube/http-client.ts'
import { reflect } from '../../../src/kube/reflector.ts'
import type { Condition, JsonPatchOp, Kind, KubeObject, Ref } from '../../../src/kube/types.ts'
import { createLog } from '../../../src/lib/log.ts'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { until } from '../../helpers/child.ts'
import { ModelApi } from '../../helpers/model-api.ts'
import { connectObjects } from '../../helpers/objects.ts'
import { startTcpProxy, type TcpProxy } from '../../helpers/tcp-proxy.ts'

const ConfigMap: Kind = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true }
const map = (name: string, data?: Record<string, string>): KubeObject & { data?: Record<string, string> } => ({
  apiVersion: 'v1',
  kind: 'ConfigMap',
  metadata: { name, namespace: 'default' },
  ...(data ? { data } : {}),
})

let server: ApiServer
let connection: Connection
let client: KubeClient
let sent: string[] = []

beforeAll(async () => {
  server = await startApiServer()
  const objects = connectObjects(server)
  await objects.installCrds()
  await objects.close()
  connection = connect(server.kubeconfig)
  client = createClient({ connection, answered: ({ verb, resource }) => sent.push(`${verb} ${resource}`) })
}, 900_000)

afterAll(async () => {
  await connection?.close()
  await server?.stop()
})

interface Thing extends KubeObject {
  spec?: object
  status?: Record<string, unknown> & { conditions?: Condition[] }
}

/** What an answer comes to, without what differs by nature: uids, versions, times. */
const outcome = async (call: Promise<KubeObject | undefined>) => {
  try {
    const object = (await call) as Thing | undefined
    const { finalizers, labels, generation, deletionTimestamp } = object?.metadata ?? {}
    return { finalizers, labels, generation, deleting: deletionTimestamp !== undefined, status: object?.status }
  } catch (error) {
    if (!(error instanceof ApiError)) throw error
    const { code, isNotFound, isConflict, isAlreadyExists, isInvalid } = error
    return { code, isNotFound, isConflict, isAlreadyExists, isInvalid }
  }
}

const condition = (type: string, status: Condition['status'] = 'True'): Condition => ({
  type,
  status,
  reason: 'Because',
  message: 'it is so',
  lastTransitionTime: '2026-01-01T00:00:00Z',
})

/** One story, told to the real server and to the model. */
const story = async (api: KubeClient) => {
  const ref: Ref = { kind: Dataset, namespace: 'default', name: 'story' }
  const bare: Thing = {
    apiVersion: Dataset.apiVersion,
    kind: 'Dataset',
    metadata: { name: 'story', namespace: 'default' },
  }
  const results: unknown[] = []
  const note = async (call: Promise<KubeObject | undefined>) => void results.push(await outcome(call))
  const patch = (...ops: JsonPatchOp[]) => note(api.patch(ref, ops))

  await note(api.get(ref))
  await note(api.applyStatus(bare, { versions: 1 }, 'granary-a'))
  await note(
    api.create({
      ...bare,
      metadata: { ...bare.metadata, labels: { a: '1' } },
      spec: { description: 'x' },
      status: { versions: 9 },
    }),
  )
  await note(api.create({ ...bare, spec: {} }))
  const made = await api.get<Thing>(ref)
  const { uid = '' } = made.metadata
  const mine: Thing = { ...bare, metadata: { ...bare.metadata, uid } }
  await note(
    api.applyStatus(
      mine,
      { versions: 1, lastHandledSyncRequest: 'now', conditions: [condition('Ready'), condition('Stalled')] },
      'granary-a',
    ),
  )
  await note(api.applyStatus(mine, { conditions: [condition('Reconciling')] }, 'granary-b'))
  await note(api.applyStatus(mine, { versions: 2, conditions: [condition('Ready', 'False')] }, 'granary-a'))
  await note(api.applyStatus(mine, { versions: 2, conditions: [condition('Ready', 'False')] }, 'granary-a'))
  await note(api.applyStatus(made, { versions: 3 }, 'granary-a'))
  await note(api.applyStatus({ ...mine, metadata: { ...mine.metadata, uid: 'another' } }, { versions: 3 }, 'granary-a'))
  await note(api.applyStatus(mine, {}, 'granary-a'))
  await patch(
    { op: 'test', path: '/metadata/uid', value: 'another' },
    { op: 'add', path: '/metadata/labels/b', value: '2' },
  )
  await patch({ op: 'test', path: '/metadata/uid', value: uid }, { op: 'add', path: '/metadata/labels/b', value: '2' })
  await patch({ op: 'remove', path: '/metadata/annotations/none' })
  await patch({ op: 'replace', path: '/metadata/finalizers/0', value: 'x' })
  await patch({ op: 'add', path: '/metadata/finalizers/-', value: 'granary.dev/dataset' })
  await patch({ op: 'add', path: '/metadata/finalizers', value: ['granary.dev/dataset'] })
  await patch({ op: 'replace', path: '/spec/description', value: 'y' })
  await patch({ op: 'add', path: '/status', value: { versions: 7 } })
  await note(api.delete({ ...ref, uid: 'another' }) as unknown as Promise<undefined>)
  await note(api.delete({ ...ref, uid }) as unknown as Promise<undefined>)
  await note(api.get(ref))
  await patch({ op: 'add', path: '/metadata/finalizers/-', value: 'granary.dev/version' })
  await note(api.applyStatus(mine, { versions: 8 }, 'granary-a'))
  await patch(
    { op: 'test', path: '/metadata/finalizers/0', value: 'granary.dev/dataset' },
    { op: 'remove', path: '/metadata/finalizers/0' },
  )
  await note(api.get(ref))
  await note(api.delete({ ...ref, uid }) as unknown as Promise<undefined>)
  await note(api.apply({ ...mine, spec: {} }, 'granary-a'))
  await note(api.apply({ ...bare, metadata: { ...bare.metadata, labels: { a: '1', b: '1' } }, spec: {} }, 'granary-a'))
  await note(api.apply({ ...bare, metadata: { ...bare.metadata, labels: { a: '1' } }, spec: {} }, 'granary-a'))
  const last = await api.get<Thing>(ref)
  await api.delete({ ...ref, uid: last.metadata.uid ?? '' })
  return results
}

describe('the client on a real API server', () => {
  test('and the model of it answer the same', async () => {
    const real = await story(client)
    expect(await story(new ModelApi())).toEqual(real)
    expect(real).toHaveLength(30)
  })

  test('creates with AlreadyExists, deletes with a uid only', async () => {
    const made = await client.create(map('once'))
    const ref = { kind: ConfigMap, namespace: 'default', name: 'once' }
    await expect(client.create(map('once'))).rejects.toMatchObject({ isAlreadyExists: true })
    await expect(client.delete({ ...ref, uid: 'another' })).rejects.toMatchObject({ isConflict: true })
    await client.delete({ ...ref, uid: made.metadata.uid ?? '' })
    await expect(client.get(ref)).rejects.toMatchObject({ isNotFound: true, message: 'configmaps "once" not found' })
  })

  test('lists more than a page', async () => {
    const names = Array.from({ length: 620 }, (_, i) => `page-${i}`)
    for (let i = 0; i < names.length; i += 62) {
      await Promise.all(
        names
          .slice(i, i + 62)
          .map((name) =>
            client.create({ ...map(name), metadata: { name, namespace: 'default', labels: { test: 'page' } } }),
          ),
      )
    }
    sent = []
    const { items } = await client.list(ConfigMap, { namespace: 'default', labelSelector: 'test=page' })
    expect([items.length, new Set(items.map(({ metadata }) => metadata.name)).size, sent]).toEqual([
      620,
      620,
      ['list configmaps', 'list configmaps'],
    ])
    expect(items[0]).toMatchObject({ apiVersion: 'v1', kind: 'ConfigMap' })
  })

  test('a watch from too long ago is gone', async () => {
    const watching = async () => {
      for await (const _ of client.watch(Dataset, { resourceVersion: '1', signal: AbortSignal.timeout(30_000) }));
    }
    await expect(watching()).rejects.toMatchObject({ isGone: true })
  })
})

describe('the reflector on a real API server', () => {
  const stop = new AbortController()
  let proxy: TcpProxy
  let proxied: Connection
  let running: Promise<void>

  beforeAll(async () => {
    proxy = await startTcpProxy(Number(new URL(server.url).port))
    const kubeconfig = `${server.kubeconfig}-proxied`
    await writeFile(
      kubeconfig,
      (await readFile(server.kubeconfig, 'utf8')).replaceAll(server.url, `https://127.0.0.1:${proxy.port}`),
    )
    proxied = connect(kubeconfig)
  })

  afterAll(async () => {
    stop.abort()
    await running
    await proxied.close()
    await proxy.close()
  })

  test('goes on after its connections were cut, and after a 410 lists again', async () => {
    const calls: string[] = []
    const inner = createClient({ connection: proxied, answered: ({ verb }) => calls.push(verb) })
    let forget = false
    const watched: KubeClient = {
      ...inner,
      watch: (kind, options) => {
        const resourceVersion = forget ? '1' : options.resourceVersion
        forget = false
        return inner.watch(kind, { ...options, resourceVersion })
      },
    }
    const lists = () => calls.filter((verb) => verb === 'list').length
    const watches = () => calls.filter((verb) => verb === 'watch').length
    const cache = new Cache({ kind: Dataset, labelSelector: 'test=watch' })
    const options = { kind: Dataset, labelSelector: 'test=watch', retry: { base: 20, max: 100 } }
    running = reflect({ client: watched, log: createLog('fatal') }, options, cache, stop.signal)
    const labelled = (name: string): Thing => ({
      apiVersion: Dataset.apiVersion,
      kind: 'Dataset',
      metadata: { name, namespace: 'default', labels: { test: 'watch' } },
      spec: {},
    })

    await cache.synced
    await client.create(labelled('before'))
    await until('the first event', async () => cache.get('default/before') !== undefined, 50)
    const before = watches()
    proxy.cut()
    await client.create(labelled('meanwhile'))
    await until(
      'the watch to go on',
      async () => watches() > before && cache.get('default/meanwhile') !== undefined,
      50,
    )
    expect(lists()).toBe(1)
    expect(cache.get('default/before')?.metadata).not.toHaveProperty('managedFields')

    const gone = await client.get(refTo('before'))
    forget = true
    proxy.cut()
    await client.delete({ ...refTo('before'), uid: gone.metadata.uid ?? '' })
    await until('the list after 410', async () => lists() === 2 && cache.get('default/before') === undefined, 50)
    await client.create(labelled('after'))
    await until('the watch after the list', async () => cache.get('default/after') !== undefined, 50)
    expect(lists()).toBe(2)
  })

  const refTo = (name: string) => ({ kind: Dataset, namespace: 'default', name })
})

test('an API error is told from no answer', async () => {
  const nowhere = connect(server.kubeconfig)
  const other = createClient({
    connection: { ...nowhere, server: 'https://127.0.0.1:1', authenticate: nowhere.authenticate },
  })
  const error = await other.get({ kind: ConfigMap, namespace: 'default', name: 'x' }).catch((thrown) => thrown)
  expect([error instanceof Error, isApiError(error)]).toEqual([true, false])
  await nowhere.close()
})
