import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type DownloadOptions, type ObjectStore, StoreError } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { until } from '../../helpers/child.ts'
import type { Fault } from '../../helpers/faults.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { type Moving, pattern, quickRetry, startMoving } from '../../helpers/move.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { rangesOf } from '../../helpers/store-contract.ts'

const MiB = 1024 * 1024
/** In one request and hashed at once; in one, hashed by another thread; in pieces. */
const contents = { small: pattern(300_000), medium: pattern(3 * MiB, 3), big: pattern(19 * MiB + 19, 7) }
type Name = keyof typeof contents
const names = Object.keys(contents) as Name[]
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('downloads through a faulty proxy', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let moving: Moving
  let direct: ObjectStore
  let store: ObjectStore
  /** Half a second without a byte is a stall: tried often, since on a busy machine an honest answer may take as long. */
  let impatient: ObjectStore
  let dir: string
  let file: FileHandle
  const etags: Partial<Record<Name, string>> = {}

  beforeAll(async () => {
    server = await startS3Server()
    proxy = await startFaultyProxy(server.endpoint)
    moving = await startMoving(server)
    dir = await mkdtemp(join(tmpdir(), 'granary-lean-'))
    file = await open(join(dir, 'target'), 'w+')
    await server.createBucket('bucket')
    direct = await moving.open(moving.location('bucket'))
    const proxied = moving.location('bucket', '', proxy.endpoint)
    store = await moving.open(proxied)
    impatient = await moving.open(proxied, { stall: 500, attempts: 20 })
    for (const name of names) {
      const bytes = contents[name]
      const info = await direct.upload(name, bytes.length, rangesOf(bytes))
      etags[name] = info.etag!
    }
  })
  afterEach(() => proxy.plan())
  afterAll(async () => {
    await file?.close()
    await moving?.stop()
    await proxy?.stop()
    await server?.stop()
    if (dir) await rm(dir, { recursive: true, force: true })
  })

  const fetch = async (from: ObjectStore, name: Name, more: Partial<DownloadOptions> = {}) => {
    const bytes = contents[name]
    await file.truncate(0)
    let arrived = 0
    const onBytes = (count: number) => {
      arrived += count
    }
    const done = await from.download(name, { fd: file.fd }, { size: bytes.length, onBytes, ...more })
    expect(done.sha256).toBe(sha256(bytes))
    expect(readFileSync(join(dir, 'target')).equals(bytes)).toBe(true)
    expect(arrived).toBe(bytes.length)
  }
  const fails = (work: Promise<unknown>) =>
    work.then(
      () => 'success',
      (error) => (error instanceof StoreError ? error.failure : error),
    )
  /** Requests of the ordinary client say which operation they are. */
  const byOrdinaryClient = () =>
    proxy.log.filter(({ method, query }) => method === 'GET' && query.includes('x-id=')).length

  test.each(names)('without a fault the ordinary client reads nothing: %s', async (name) => {
    await fetch(store, name)
    await fetch(store, name, { sha256: sha256(contents[name]), ifMatch: etags[name]! })
    expect(byOrdinaryClient()).toBe(0)
    expect(proxy.log.length).toBeGreaterThan(0)
  })

  const healing: [string, Fault][] = [
    ['500', { kind: 'status', status: 500 }],
    ['503 with Retry-After', { kind: 'status', status: 503, retryAfter: 0 }],
    ['429', { kind: 'status', status: 429, code: 'TooManyRequests' }],
    ['reset before the head', { kind: 'reset', after: 0 }],
    ['reset in the middle', { kind: 'reset', after: 100_000 }],
    ['stall before the head', { kind: 'stall', after: 0 }],
    ['stall in the middle', { kind: 'stall', after: 100_000 }],
    ['cut off', { kind: 'truncate', to: 70_000 }],
    ['a wrong length', { kind: 'length', length: 1000 }],
    ['no length', { kind: 'chunked' }],
    ['a flipped bit', { kind: 'flip', at: 1234 }],
    ['drip', { kind: 'drip', bytes: 65_536, every: 2 }],
  ]
  describe.each(healing)('heals: %s', (_what, fault) => {
    test.each(names)('%s', async (name) => {
      const from = fault.kind === 'stall' ? impatient : store
      const get = { method: 'GET', key: new RegExp(`^${name}$`) }
      proxy.plan({ match: { ...get, nth: name === 'big' ? [2, 3] : 1 }, fault })
      // What the store knows of parts says nothing of the whole: then only what was recorded tells.
      await fetch(from, name, { ifMatch: etags[name]!, ...(name === 'big' ? { sha256: sha256(contents.big) } : {}) })
      expect(proxy.log.filter((exchange) => exchange.fault).length).toBeGreaterThan(0)
    })
  })

  const failing: [string, Fault, string][] = [
    ['always 500', { kind: 'status', status: 500 }, 'unreachable'],
    ['always reset', { kind: 'reset', after: 0 }, 'unreachable'],
    ['always flipped', { kind: 'flip', at: 5 }, 'corrupt'],
    ['denied', { kind: 'status', status: 403 }, 'denied'],
    ['expired', { kind: 'status', status: 400, code: 'ExpiredToken' }, 'credentials'],
    ['changed', { kind: 'status', status: 412 }, 'changed'],
    ['gone', { kind: 'status', status: 404, code: 'NoSuchKey' }, 'not-found'],
  ]
  describe.each(failing)('what can’t heal ends typed: %s', (_what, fault, failure) => {
    test.each(names)('%s', async (name) => {
      // Of many pieces the last one, so that the others are under way or through.
      const match = {
        method: 'GET',
        key: new RegExp(`^${name}$`),
        ...(name === 'big' ? { range: /^bytes=16777216-/ } : {}),
      }
      proxy.plan({ match, fault }, { match: { method: 'GET', query: /x-id=/ }, fault })
      const recorded = name === 'big' ? { sha256: sha256(contents.big) } : {}
      let arrived = 0
      const onBytes = (count: number) => {
        arrived += count
      }
      expect(await fails(fetch(store, name, { ifMatch: etags[name]!, ...recorded, onBytes }))).toBe(failure)
      expect(arrived).toBe(0)
    })
  })

  test('a piece that is torn again and again, but brings something, arrives', async () => {
    proxy.plan({ match: { method: 'GET', key: /^big$/ }, fault: { kind: 'truncate', to: MiB } })
    await fetch(store, 'big')
    expect(byOrdinaryClient()).toBe(0)
  })

  test('an object that is replaced between two of its pieces is never put together of both', async () => {
    const [before, after] = [pattern(19 * MiB, 1), pattern(19 * MiB, 2)]
    const put = (bytes: Buffer) => direct.upload('moving', bytes.length, rangesOf(bytes))
    const race = () => ({
      match: { method: 'GET', key: /^moving$/, nth: 2 },
      fault: { kind: 'before' as const, run: () => put(after) },
    })
    const { etag } = await put(before)
    proxy.plan(race())
    const pinned = store.download('moving', { fd: file.fd }, { size: before.length, ifMatch: etag! })
    expect(await fails(pinned)).toBe('changed')
    await put(before)
    proxy.plan(race())
    await file.truncate(0)
    // Whoever asks for no state in particular gets one, as a whole.
    const done = await store.download('moving', { fd: file.fd }, { size: before.length })
    expect(done.sha256).toBe(sha256(after))
    expect(readFileSync(join(dir, 'target')).equals(after)).toBe(true)
  })

  test('refusals make it ask for less at once', async () => {
    const own = await moving.open(moving.location('bucket', '', proxy.endpoint))
    const before = own.width
    proxy.plan({ match: { method: 'GET', nth: 1 }, fault: { kind: 'status', status: 503 } })
    await own.download('small', { fd: file.fd }, { size: contents.small.length })
    expect(own.width).toBeLessThan(before)
  })

  test('stopping stops at once, and leaves no connection and no thread that reads', async () => {
    proxy.plan({ match: { key: /^big$/, nth: [3, 4, 5, 6] }, fault: { kind: 'stall', after: 1000 } })
    const stop = new AbortController()
    const loading = fetch(store, 'big', { signal: stop.signal, sha256: sha256(contents.big), ifMatch: etags.big! })
    await until('the stalled piece to be asked for', async () => proxy.log.some(({ fault }) => fault === 'stall'))
    stop.abort(new Error('stopped'))
    await expect(loading).rejects.toThrow('stopped')
  })

  test('a full disk is said as it is, at once', async () => {
    const full = await open('/dev/full', 'r+')
    for (const name of names) {
      const options = { size: contents[name].length, ifMatch: etags[name]! }
      await expect(store.download(name, { fd: full.fd }, options)).rejects.toMatchObject({ code: 'ENOSPC' })
    }
    await full.close()
  })

  test('nothing is left open: neither connections nor files', async () => {
    const sockets = () => readdirSync('/proc/self/fd').length
    const credentials = { from: 'Files' as const, directory: join(moving.credentialsDir, 's3') }
    const before = sockets()
    for (let i = 0; i < 5; i++) {
      const address = { bucket: 'bucket', endpoint: server.endpoint, region: server.region }
      const own = await openS3Store(address, { credentials, retry: quickRetry })
      const stop = new AbortController()
      const loads = Array.from({ length: 10 }, (_, n) => {
        const options = { size: contents.small.length, ...(n % 2 ? { signal: stop.signal } : {}) }
        return own.download('small', { bytes: Buffer.alloc(contents.small.length) }, options)
      })
      stop.abort(new Error('stopped'))
      const settled = await Promise.allSettled(loads)
      expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(5)
      await own.close()
    }
    await until('all connections to be closed', async () => sockets() <= before + 2)
  })

  test('no failure says a key, a signature or a query', async () => {
    for (const fault of failing.map(([, fault]) => fault)) {
      proxy.plan({ match: { method: 'GET' }, fault })
      const error = await fetch(store, 'small').catch((thrown: Error) => thrown)
      const said = JSON.stringify(error, [...Object.getOwnPropertyNames(error), 'cause', 'message', 'stack'])
      expect(said).not.toContain(server.secretKey)
      expect(said).not.toContain(server.accessKey)
      expect(said).not.toMatch(/Signature|AWS4|x-amz-/)
    }
  })
})
