import type { ServerResponse } from 'node:http'
import { afterEach, describe, expect, test } from 'vitest'
import { Pod } from '../../src/api/kinds.ts'
import { Cache } from '../../src/kube/cache.ts'
import { createClient } from '../../src/kube/http-client.ts'
import { reflect } from '../../src/kube/reflector.ts'
import { createLog } from '../../src/lib/log.ts'
import { type FakeApi, json, startFakeApi, status } from '../helpers/fake-api.ts'

const pod = (name: string, version: number) => ({
  metadata: { name, namespace: 'vision', resourceVersion: `${version}` },
})

/** A small etcd: what there is now, and who watches. */
class World {
  objects = [pod('a', 1)]
  version = 1
  watchers: ServerResponse[] = []
  /** Answers for the next requests instead of the usual ones. */
  next: ((response: ServerResponse) => void)[] = []
  api!: FakeApi
  readonly cache = new Cache({ kind: Pod })
  readonly stop = new AbortController()
  running: Promise<void> = Promise.resolve()

  async start(silence?: number, more: { optional?: boolean; absentRetry?: number } = {}) {
    this.api = await startFakeApi(({ url }, response) => {
      const instead = this.next.shift()
      if (instead) instead(response)
      else if (!url.searchParams.has('watch'))
        json(response, 200, { metadata: { resourceVersion: `${this.version}` }, items: this.objects })
      else {
        response.writeHead(200)
        response.flushHeaders()
        this.watchers.push(response)
      }
    })
    const client = createClient({ connection: this.api.connection })
    const options = { kind: Pod, retry: { base: 5, max: 20 }, ...(silence ? { silence } : {}), ...more }
    this.running = reflect({ client, log: createLog('fatal') }, options, this.cache, this.stop.signal)
    await this.until(() => this.watchers.length === 1)
  }

  send(type: string, object: object) {
    this.watchers.at(-1)?.write(`${JSON.stringify({ type, object })}\n`)
  }

  get names() {
    return this.cache
      .list()
      .map(({ metadata }) => metadata.name)
      .sort()
  }

  lists() {
    return this.api.requests.filter((request) => !request.includes('watch=')).length
  }

  watchedFrom() {
    return this.api.requests.flatMap((request) => /watch=.*resourceVersion=(\d+)/.exec(request)?.[1] ?? [])
  }

  async until(holds: () => boolean) {
    while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
  }
}

describe('the reflector', () => {
  let world: World
  afterEach(async () => {
    world.stop.abort()
    await world.running
    await world.api.close()
  })

  test('lists once, then follows', async () => {
    world = new World()
    await world.start()
    world.send('ADDED', pod('b', 2))
    world.send('DELETED', pod('a', 3))
    await world.until(() => world.names.join() === 'b')
    expect([world.lists(), world.watchedFrom()]).toEqual([1, ['1']])
  })

  test('goes on where it was when the connection is cut: no list, nothing lost', async () => {
    world = new World()
    await world.start()
    world.send('ADDED', pod('b', 2))
    world.send('BOOKMARK', { metadata: { resourceVersion: '9' } })
    await world.until(() => world.cache.resourceVersion === '9')
    world.api.cut()
    await world.until(() => world.watchers.length === 2)
    world.send('ADDED', pod('c', 10))
    await world.until(() => world.names.join() === 'a,b,c')
    expect([world.lists(), world.watchedFrom()]).toEqual([1, ['1', '9']])
  })

  test.each([
    [
      'in the stream',
      (response: ServerResponse) =>
        void response.end(`${JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired' } })}\n`),
    ],
    ['as an answer', (response: ServerResponse) => status(response, 410, 'Gone')],
  ])('410 %s: lists again and finds what went and came', async (_, gone) => {
    world = new World()
    await world.start()
    world.objects = [pod('z', 20)]
    world.version = 20
    world.next = [gone]
    world.watchers[0]?.end()
    await world.until(() => world.watchers.length === 2)
    expect([world.names, world.lists(), world.watchedFrom().at(-1)]).toEqual([['z'], 2, '20'])
  })

  test('waits for a server that is not there yet', async () => {
    world = new World()
    world.next = Array.from({ length: 3 }, () => (response: ServerResponse) => void response.destroy())
    await world.start()
    expect([world.names, world.cache.isSynced]).toEqual([['a'], true])
  })

  test('has nothing of an optional kind that is not served, and takes it up when it is', async () => {
    world = new World()
    world.next = [(response) => status(response, 404, 'NotFound')]
    await world.start(undefined, { optional: true, absentRetry: 5 })
    await world.until(() => world.names.join() === 'a')
    expect(world.cache.isSynced).toBe(true)
  })

  test('does not ask in a tight loop when watches end at once', async () => {
    world = new World()
    world.next = [
      (response) => json(response, 200, { metadata: { resourceVersion: '1' }, items: [] }),
      ...Array.from({ length: 6 }, () => (response: ServerResponse) => void response.end()),
    ]
    const begun = performance.now()
    await world.start()
    expect(performance.now() - begun).toBeGreaterThan(20)
  })

  test('begins a silent watch again', async () => {
    world = new World()
    await world.start(100)
    await world.until(() => world.watchers.length === 2)
    expect([world.lists(), world.watchedFrom()]).toEqual([1, ['1', '1']])
  })
})
