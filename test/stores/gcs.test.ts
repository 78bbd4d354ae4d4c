import { createVerify } from 'node:crypto'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { createServer, type IncomingHttpHeaders, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fromGoogle } from '../../src/stores/gcs/identity.ts'
import { openGcsStore } from '../../src/stores/gcs/store.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { StoreError } from '../../src/stores/object-store.ts'
import { TransientError } from '../../src/stores/retry.ts'
import { listAll, pattern, quickRetry, readAll } from '../helpers/move.ts'
import { serviceAccountKey } from '../helpers/service-account.ts'
import { rangesOf } from '../helpers/store-contract.ts'

interface Seen {
  method: string
  path: string
  headers: IncomingHttpHeaders
  body: Buffer
}
interface Said {
  status?: number
  headers?: Record<string, string>
  body?: string | Buffer | object
}

/** Answers as the documentation of Google Cloud Storage has them, where servers of the tests answer otherwise. */
describe('what Google Cloud Storage says', () => {
  let server: Server
  let store: ObjectStore
  let endpoint: string
  let answers: ((seen: Seen) => Said)[]
  const requests: Seen[] = []
  const key = serviceAccountKey()
  let secrets: string

  beforeAll(async () => {
    server = createServer(async (incoming, response) => {
      const parts: Buffer[] = []
      for await (const part of incoming) parts.push(part as Buffer)
      const { method = '', url: path = '', headers } = incoming
      const seen = { method, path, headers, body: Buffer.concat(parts) }
      requests.push(seen)
      const { status = 200, headers: more, body = '' } = (answers.length > 1 ? answers.shift()! : answers[0]!)(seen)
      const bytes = typeof body === 'string' || Buffer.isBuffer(body) ? body : JSON.stringify(body)
      response.writeHead(status, { 'content-length': Buffer.byteLength(bytes), ...more }).end(bytes)
    })
    await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
    endpoint = `http://127.0.0.1:${(server.address() as AddressInfo).port}/behind/a/path/`
    secrets = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
    await writeFile(join(secrets, 'service-account.json'), key.json)
    const credentials = { from: 'Files' as const, directory: secrets }
    store = await openGcsStore({ bucket: 'b', endpoint }, { credentials, retry: quickRetry })
  })
  beforeEach(() => {
    requests.length = 0
  })
  afterAll(async () => {
    await store?.close()
    server?.closeAllConnections()
    server?.close()
    if (secrets) await rm(secrets, { recursive: true })
  })

  const object = (bytes: Buffer, hash: string, more = {}): Said => ({
    headers: {
      'x-goog-generation': '7',
      'x-goog-hash': hash,
      'x-goog-stored-content-length': String(bytes.length),
      ...more,
    },
    body: bytes,
  })
  const failing = async (
    said: Said,
    work: () => Promise<unknown> = () => listAll(store.list('')),
  ): Promise<StoreError> => {
    answers = [() => said]
    const error = await work().catch((thrown: unknown) => thrown)
    if (error instanceof StoreError) return error
    throw new Error('it did not fail as stores do', { cause: error })
  }
  const refusal = (code: number, reason: string, message = 'no') => ({
    status: code,
    body: { error: { code, message, errors: [{ domain: 'global', reason, message }] } },
  })

  test('a composed object has no md5: it is checked by its crc32c', async () => {
    const bytes = Buffer.from('123456789')
    answers = [() => object(bytes, 'crc32c=4waSgw==')]
    expect((await readAll(store, 'k')).equals(bytes)).toBe(true)
    const wrong = await failing(object(Buffer.from('123456780'), 'crc32c=4waSgw=='), () => readAll(store, 'k'))
    expect(wrong.failure).toBe('corrupt')
    expect(requests.length, 'tries').toBe(1 + quickRetry.attempts)
  })

  test('what is stored compressed is asked for, and arrives, as it is stored', async () => {
    const bytes = Buffer.from('not really gzip')
    answers = [
      ({ headers }) => object(bytes, '', headers['accept-encoding'] === 'gzip' ? { 'content-encoding': 'gzip' } : {}),
    ]
    expect((await readAll(store, 'k')).equals(bytes)).toBe(true)
    expect(requests[0]?.headers['accept-encoding']).toBe('gzip')
  })

  test('keys, conditions and tokens are sent as they are documented', async () => {
    answers = [() => object(Buffer.from('x'), '')]
    await readAll(store, 'a/b c+ü?.txt', { ifMatch: '7' })
    const [seen] = requests
    expect(seen?.path).toBe('/behind/a/path/storage/v1/b/b/o/a%2Fb%20c%2B%C3%BC%3F.txt?alt=media&ifGenerationMatch=7')
    const [head = '', claims = '', signature = ''] = (seen?.headers.authorization ?? '')
      .replace('Bearer ', '')
      .split('.')
    const verify = createVerify('RSA-SHA256').update(`${head}.${claims}`)
    expect(verify.verify(key.publicKey, Buffer.from(signature, 'base64url'))).toBe(true)
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({
      iss: key.email,
      scope: expect.stringContaining('devstorage.read_write'),
    })
    await expect(store.get('k', { ifMatch: 'no-generation' })).rejects.toMatchObject({ failure: 'changed' })
    await expect(store.put('k', Buffer.from('x'), { ifMatch: 'no-generation' })).rejects.toMatchObject({
      failure: 'changed',
    })
    expect(
      requests.filter(({ method }) => method === 'POST'),
      'never without its condition',
    ).toEqual([])
  })

  test.each<[string, Said, string, number]>([
    ['a bucket that is not there', refusal(404, 'notFound', 'The specified bucket does not exist.'), 'no-bucket', 1],
    ['no right', refusal(403, 'forbidden', 'x does not have storage.objects.list access'), 'denied', 1],
    [
      'too fast',
      { ...refusal(429, 'rateLimitExceeded'), headers: { 'retry-after': '0' } },
      'unreachable',
      quickRetry.attempts,
    ],
    ['a quota', refusal(403, 'rateLimitExceeded'), 'unreachable', quickRetry.attempts],
    ['its own trouble', refusal(503, 'backendError'), 'unreachable', quickRetry.attempts],
    ['an answer cut short', { body: '{"items":[{"na' }, 'unreachable', quickRetry.attempts],
    ['a request that makes no sense', refusal(400, 'invalid'), 'invalid', 1],
    [
      'damaged bytes',
      refusal(400, 'invalid', 'Provided MD5 hash "x" doesn\'t match calculated MD5 hash "y".'),
      'corrupt',
      quickRetry.attempts,
    ],
  ])('%s', async (_, said, failure, tries) => {
    expect((await failing(said)).failure).toBe(failure)
    expect(requests.length).toBe(tries)
  })

  test('an object in a bucket that is not there', async () => {
    const said = refusal(404, 'notFound', 'The specified bucket does not exist.')
    expect((await failing(said, () => readAll(store, 'k'))).failure).toBe('no-bucket')
    expect((await failing(refusal(404, 'notFound', 'No such object: b/k'), () => readAll(store, 'k'))).failure).toBe(
      'not-found',
    )
  })

  test('who may not see the bucket does not know whether it keeps generations', async () => {
    answers = [() => refusal(403, 'forbidden')]
    expect(await store.keepsVersions()).toBeUndefined()
  })

  test('what a bucket says of old generations: kept, and removed by a rule', async () => {
    const rule = { action: { type: 'Delete' }, condition: { numNewerVersions: 2, matchesPrefix: ['a/'] } }
    answers = [() => ({ body: { versioning: { enabled: true }, lifecycle: { rule: [rule] } } })]
    expect(await store.keepsVersions()).toBe(true)
    expect(await store.removesVersions?.('a/b/')).toBe(true)
    expect(await store.removesVersions?.('c/')).toBe(false)
    answers = [() => refusal(403, 'forbidden')]
    expect(await store.removesVersions?.('a/')).toBeUndefined()
  })

  test('bytes come over connections of their own; what is not plainly right, the ordinary client asks for again', async () => {
    const bytes = Buffer.from('123456789')
    const target = { bytes: Buffer.alloc(bytes.length) }
    const download = (more = {}) => store.download('a b', target, { size: bytes.length, ...more })
    /** The ordinary client names its wish to keep the connection. */
    const ways = () => requests.splice(0).map(({ headers }) => (headers.connection === undefined ? 'own' : 'ordinary'))
    answers = [() => object(bytes, 'crc32c=4waSgw==')]
    expect(await download({ ifMatch: '7' })).toMatchObject({ info: { etag: '7', checksums: { crc32c: 'e3069283' } } })
    expect(target.bytes.equals(bytes)).toBe(true)
    expect(requests[0]).toMatchObject({
      path: '/behind/a/path/storage/v1/b/b/o/a%20b?alt=media&ifGenerationMatch=7',
      headers: { 'accept-encoding': 'gzip', authorization: expect.stringMatching(/^Bearer /) },
    })
    expect(ways()).toEqual(['own'])
    await expect(download({ ifMatch: '8' })).rejects.toMatchObject({ failure: 'changed' })
    expect(ways()).toEqual(['own', 'ordinary'])
    await expect(download({ size: 8 })).rejects.toMatchObject({ failure: 'changed' })
    expect(ways()).toEqual(['own', 'ordinary'])
    answers = [() => ({ status: 503 }), () => object(bytes, 'crc32c=4waSgw==')]
    let arrived = 0
    const onBytes = (count: number) => {
      arrived += count
    }
    await download({ onBytes })
    expect([ways(), arrived]).toEqual([['own', 'ordinary'], 9])
    answers = [() => object(Buffer.from('123456780'), 'crc32c=4waSgw==')]
    await expect(download()).rejects.toMatchObject({ failure: 'corrupt' })
    expect(ways()).toEqual(['own', 'own', 'own'])
  })

  test('what is asked by the library is stopped too, at once', async () => {
    const stop = new AbortController()
    answers = [
      () => {
        stop.abort(new Error('stopped'))
        return { headers: { 'content-length': '1000' }, body: '{' }
      },
    ]
    const { signal } = stop
    await expect(listAll(store.list('', { signal }))).rejects.toThrow('stopped')
    await expect(store.put('k', Buffer.from('x'), { signal })).rejects.toThrow('stopped')
    await expect(store.head('k', { signal })).rejects.toThrow('stopped')
    expect(requests).toHaveLength(1)
  })

  test('an upload goes on where the store is, at the address that this store is reached by; its session is in no message', async () => {
    const bytes = pattern(9 * 1024 * 1024)
    const session = 'https://elsewhere.example/upload/storage/v1/b/b/o?uploadType=resumable&upload_id=SECRET-SESSION'
    const resource = { name: 'k', size: String(bytes.length), generation: '8' }
    answers = [
      () => ({ headers: { location: session } }),
      () => ({ status: 308, headers: { range: 'bytes=0-4194303' } }),
      () => ({ status: 503 }),
      () => ({ status: 308, headers: { range: 'bytes=0-5242879' } }),
      () => ({ body: resource }),
    ]
    expect(await store.upload('k', bytes.length, rangesOf(bytes), { ifAbsent: true })).toMatchObject({ etag: '8' })
    const said = requests.map(
      ({ method, headers, body }) => `${method} ${headers['content-range'] ?? ''} ${body.length}`,
    )
    const total = bytes.length
    expect(said.slice(1)).toEqual([
      `PUT bytes 0-${total - 1}/${total} ${total}`,
      `PUT bytes 4194304-${total - 1}/${total} ${total - 4194304}`,
      `PUT bytes */${total} 0`,
      `PUT bytes 5242880-${total - 1}/${total} ${total - 5242880}`,
    ])
    expect(requests[0]?.path).toContain('ifGenerationMatch=0')
    for (const { path } of requests.slice(1))
      expect(path).toMatch(/^\/behind\/a\/path\/upload\/.*upload_id=SECRET-SESSION$/)
    expect(requests.at(-1)?.headers['x-goog-hash']).toMatch(/^crc32c=/)

    answers = [() => ({ headers: { location: session } }), () => refusal(410, 'gone')]
    const gone = await store.upload('k', bytes.length, rangesOf(bytes)).catch((thrown: Error) => thrown)
    expect(gone).toMatchObject({ failure: 'unreachable', message: expect.not.stringContaining('SECRET') })
  })
})

describe('why Google issues no token', () => {
  const final = (error: Error) => (error instanceof TransientError ? error.final : error) as StoreError
  test.each([
    ['a key that was deleted', { code: 400, response: { status: 400 } }, 'credentials', false],
    ['no service account for the pod', { response: { status: 404 } }, 'no-credentials', true],
    ['nothing to go by', new Error('Could not load the default credentials. Browse to …'), 'no-credentials', true],
    ['a key that is none', { code: 'ERR_OSSL_UNSUPPORTED' }, 'no-credentials', false],
    ['no answer', { code: 'ECONNREFUSED', message: 'hush hush' }, 'unreachable', true],
  ])('%s', (_, thrown, failure, again) => {
    const error = fromGoogle(thrown, 'gs://b')
    expect([error instanceof TransientError, final(error).failure]).toEqual([again, failure])
    expect(error.message).not.toContain('hush')
  })
})
