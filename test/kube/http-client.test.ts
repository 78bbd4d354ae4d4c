import { afterEach, describe, expect, test } from 'vitest'
import { Dataset, Pod } from '../../src/api/kinds.ts'
import { createClient } from '../../src/kube/http-client.ts'
import { type Answer, type FakeApi, json, startFakeApi, status } from '../helpers/fake-api.ts'

let api: FakeApi
afterEach(() => api.close())

const start = async (answer: Answer) => {
  api = await startFakeApi(answer)
  return createClient({ connection: api.connection })
}
const caught = (call: Promise<unknown>) =>
  call.then(
    () => undefined,
    (error) => error,
  )
const page = (names: string[], next?: string) => ({
  metadata: { resourceVersion: '5', continue: next },
  items: names.map((name) => ({ metadata: { name } })),
})

describe('the client', () => {
  test('lists page by page, and says what the items are', async () => {
    const client = await start(({ url }, response) =>
      json(response, 200, url.searchParams.get('continue') === 'more' ? page(['b']) : page(['a'], 'more')),
    )
    const { items, resourceVersion } = await client.list(Pod, { namespace: 'vision', labelSelector: 'a=b' })
    expect(items).toEqual(['a', 'b'].map((name) => ({ apiVersion: 'v1', kind: 'Pod', metadata: { name } })))
    expect(resourceVersion).toBe('5')
    expect(api.requests).toEqual([
      'GET /api/v1/namespaces/vision/pods?labelSelector=a%3Db&limit=500',
      'GET /api/v1/namespaces/vision/pods?labelSelector=a%3Db&limit=500&continue=more',
    ])
  })

  test('a list whose next page is gone is asked for in one piece', async () => {
    const client = await start(({ url: { searchParams } }, response) => {
      if (searchParams.has('continue')) status(response, 410, 'Expired')
      else json(response, 200, searchParams.has('limit') ? page(['a'], 'more') : page(['a', 'b']))
    })
    expect((await client.list(Dataset)).items).toHaveLength(2)
  })

  test('asks again when the server is busy, but not for ever', async () => {
    let busy = 2
    const client = await start((_, response) =>
      busy-- > 0
        ? json(response, 429, { kind: 'Status', reason: 'TooManyRequests' }, { 'retry-after': '0' })
        : json(response, 200, { metadata: { name: 'a' } }),
    )
    await client.get({ kind: Pod, namespace: 'vision', name: 'a' })
    expect(api.requests).toHaveLength(3)
    busy = 100
    expect(await caught(client.get({ kind: Pod, namespace: 'vision', name: 'a' }))).toMatchObject({ code: 429 })
    expect(api.requests).toHaveLength(8)
  })

  test.each([
    [404, 'NotFound', 'isNotFound'],
    [409, 'AlreadyExists', 'isAlreadyExists'],
    [409, 'Conflict', 'isConflict'],
    [410, 'Expired', 'isGone'],
    [403, 'Forbidden', 'isForbidden'],
    [422, 'Invalid', 'isInvalid'],
  ])('%i %s is told apart', async (code, reason, property) => {
    const client = await start((_, response) =>
      json(response, code, { kind: 'Status', reason, message: 'the sentence', details: { name: 'a' } }),
    )
    const error = await caught(client.get({ kind: Pod, namespace: 'vision', name: 'a' }))
    const flags = ['isNotFound', 'isAlreadyExists', 'isConflict', 'isGone', 'isForbidden', 'isInvalid']
    expect(flags.filter((flag) => error[flag])).toEqual([property])
    expect(error.message).toBe('the sentence')
  })

  test("an error page that is no Status keeps the beginning of what it says, and nobody's token", async () => {
    const client = await start((_, response) => void response.writeHead(502).end('<html>bad\ngateway</html>'))
    const error = await caught(client.get({ kind: Pod, namespace: 'vision', name: 'a' }))
    expect(error.message).toBe('HTTP 502: <html>bad gateway</html>')
    expect(JSON.stringify({ ...error })).not.toContain('Bearer')
  })

  describe('a status apply', () => {
    const object = {
      apiVersion: 'granary.dev/v1alpha1',
      kind: 'Dataset',
      metadata: { name: 'a', namespace: 'vision', uid: 'u', labels: { x: 'y' } },
      spec: {},
    }
    const path = '/apis/granary.dev/v1alpha1/namespaces/vision/datasets/a'
    const patch = `PATCH ${path}/status?fieldManager=granary-dataset&force=true`

    test('names exactly the object and its status', async () => {
      let sent: unknown
      const client = await start(({ body, headers }, response) => {
        sent = { body: JSON.parse(body), type: headers['content-type'] }
        json(response, 200, {})
      })
      const metadata = { ...object.metadata, resourceVersion: '7' }
      await client.applyStatus({ ...object, metadata }, { versions: 1 }, 'granary-dataset')
      const { labels: _, ...identity } = metadata
      expect(api.requests).toEqual([patch])
      expect(sent).toEqual({
        body: { apiVersion: object.apiVersion, kind: 'Dataset', metadata: identity, status: { versions: 1 } },
        type: 'application/apply-patch+yaml',
      })
    })

    test('without a resourceVersion looks up whether the uid still holds, and again when somebody else was faster', async () => {
      let version = 0
      const client = await start(({ method }, response) => {
        if (method === 'GET')
          json(response, 200, { metadata: { name: 'a', uid: 'u', resourceVersion: `${++version}` } })
        else if (version < 3) status(response, 409, 'Conflict')
        else json(response, 200, {})
      })
      await client.applyStatus(object, {}, 'granary-dataset')
      expect(api.requests).toEqual(
        Array(3)
          .fill([`GET ${path}`, patch])
          .flat(),
      )
    })

    test('of an object that was made anew is a conflict', async () => {
      const client = await start((_, response) =>
        json(response, 200, { kind: 'Dataset', metadata: { name: 'a', uid: 'v', resourceVersion: '1' } }),
      )
      expect(await caught(client.applyStatus(object, {}, 'granary-dataset'))).toMatchObject({ isConflict: true })
      expect(api.requests).toEqual([`GET ${path}`])
    })
  })

  test('an ERROR within a watch is an ApiError, a character cut in two is whole', async () => {
    const client = await start((_, response) => {
      const line = Buffer.from(`${JSON.stringify({ type: 'ADDED', object: { metadata: { name: 'ü' } } })}\n`)
      const middle = line.indexOf(0xc3) + 1
      response.writeHead(200)
      response.write(line.subarray(0, middle))
      setTimeout(() => response.end(`${line.subarray(middle).toString('latin1')}`, 'latin1'), 20)
    })
    const read = async () => {
      const found: string[] = []
      for await (const { object } of client.watch(Pod, { resourceVersion: '1', signal: new AbortController().signal }))
        found.push(object.metadata.name)
      return found
    }
    expect(await read()).toEqual(['ü'])
    await api.close()
    const failing = await start(
      (_, response) =>
        void response.end(
          `${JSON.stringify({ type: 'ERROR', object: { code: 410, reason: 'Expired', message: 'too old' } })}\n`,
        ),
    )
    const watching = async () => {
      for await (const _ of failing.watch(Pod, { resourceVersion: '1', signal: new AbortController().signal }));
    }
    expect(await caught(watching())).toMatchObject({ isGone: true, message: 'too old' })
  })
})
