import { createHash } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DownloadOptions, ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { until } from '../../helpers/child.ts'
import type { Fault } from '../../helpers/faults.ts'
import type { FaultyProxy } from '../../helpers/faulty-proxy.ts'
import { endOf, type FaultyS3, startFaultyS3 } from '../../helpers/faulty-store.ts'
import { pattern, quickRetry } from '../../helpers/move.ts'
import { rangesOf } from '../../helpers/store-contract.ts'

const MiB = 1024 * 1024
/** In one request and hashed at once; in one, hashed by another thread; in pieces. */
const contents = { small: pattern(300_000), medium: pattern(3 * MiB, 3), big: pattern(19 * MiB + 19, 7) }
type Name = keyof typeof contents
const names = Object.keys(contents) as Name[]
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('downloads through a faulty proxy', () => {
  let world: FaultyS3
  let proxy: FaultyProxy
  let direct: ObjectStore
  let store: ObjectStore
  let dir: string
  let file: FileHandle
  const etags: Partial<Record<Name, string>> = {}

  beforeAll(async () => {
    world = await startFaultyS3()
    ;({ proxy, direct, store } = world)
    dir = await mkdtemp(join(tmpdir(), 'granary-lean-'))
    file = await open(join(dir, 'target'), 'w+')
    for (const name of names) {
      const bytes = contents[name]
      const info = await direct.upload(name, bytes.length, rangesOf(bytes))
      etags[name] = info.etag!
    }
  })
  afterEach(() => proxy.plan())
  afterAll(async () => {
    await file?.close()
    await world?.stop()
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
  /** Requests of the ordinary client say which operation they are. */
  const byOrdinaryClient = () =>
    proxy.log.filter(({ method, query }) => method === 'GET' && query.includes('x-id=')).length

  test.each(names)('without a fault the ordinary client reads nothing: %s', async (name) => {
    await fetch(store, name)
    await fetch(store, name, { sha256: sha256(contents[name]), ifMatch: etags[name]! })
    expect(byOrdinaryClient()).toBe(0)
    expect(proxy.log.length).toBeGreaterThan(0)
  })

  const summing: [string, Fault | undefined][] = [
    ['no fault', undefined],
    ['503 with Retry-After', { kind: 'status', status: 503, retryAfter: 0 }],
    ['reset in the middle', { kind: 'reset', after: 100_000 }],
    ['no length', { kind: 'chunked' }],
    ['a flipped bit', { kind: 'flip', at: 1234 }],
  ]
  describe.each(summing)('sums up what is kept nowhere: %s', (_what, fault) => {
    test.each(names)('%s', async (name) => {
      const bytes = contents[name]
      if (fault) proxy.plan({ match: { method: 'GET', key: new RegExp(`^${name}$`), nth: 1 }, fault })
      let arrived = 0
      const onBytes = (count: number) => {
        arrived += count
      }
      const recorded = name === 'big' ? { sha256: sha256(bytes) } : {}
      const done = await store.sum!(name, { size: bytes.length, ifMatch: etags[name]!, onBytes, ...recorded })
      expect([done.sha256, arrived]).toEqual([sha256(bytes), bytes.length])
      if (fault === undefined) expect(byOrdinaryClient()).toBe(0)
    })
  })

  test('an object that stays damaged has no sum', async () => {
    proxy.plan({ match: { method: 'GET', key: /^big$/ }, fault: { kind: 'flip', at: 5 } })
    const options = { size: contents.big.length, ifMatch: etags.big!, sha256: sha256(contents.big) }
    expect(await endOf(store.sum!('big', options))).toBe('corrupt')
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
    expect(await endOf(pinned)).toBe('changed')
    await put(before)
    proxy.plan(race())
    await file.truncate(0)
    // Whoever asks for no state in particular gets one, as a whole.
    const done = await store.download('moving', { fd: file.fd }, { size: before.length })
    expect(done.sha256).toBe(sha256(after))
    expect(readFileSync(join(dir, 'target')).equals(after)).toBe(true)
  })

  test('refusals make it ask for less at once', async () => {
    const own = await world.open()
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
    const credentials = { from: 'Files' as const, directory: world.credentialsDir }
    const before = sockets()
    for (let i = 0; i < 5; i++) {
      const address = { bucket: 'bucket', endpoint: world.server.endpoint, region: world.server.region }
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

  describe('a beginning that is there already', () => {
    const bytes = contents.big
    const have = 16 * MiB
    const fetched = () => proxy.log.flatMap(({ method, range }) => (method === 'GET' ? [range] : []))
    const bring = async (etag: string, key: string, there: Buffer) => {
      await file.truncate(0)
      await file.write(there, 0, there.length, 0)
      const whole: number[] = []
      let count = 0
      const options = { size: bytes.length, ifMatch: etag, have }
      const onBytes = (more: number) => {
        count += more
      }
      const got = await store.download(key, { fd: file.fd }, { ...options, onBytes, onWhole: (n) => whole.push(n) })
      expect(got.sha256).toBe(sha256(bytes))
      expect(sha256(readFileSync(join(dir, 'target')))).toBe(sha256(bytes))
      expect(count).toBe(bytes.length)
      return whole
    }

    test('is not fetched again, and summed up with the rest', async () => {
      expect(await bring(etags.big!, 'big', bytes.subarray(0, have))).toEqual([have, bytes.length])
      expect(fetched()).toEqual([`bytes=${have}-${bytes.length - 1}`])
    })

    test('if it is damaged, all comes anew', async () => {
      // In one request: its etag is the md5 of all of it.
      const { etag } = await direct.put('whole', bytes)
      const wrong = Buffer.from(bytes.subarray(0, have))
      wrong[5] = 255 - wrong[5]!
      const whole = await bring(etag!, 'whole', wrong)
      expect(whole.slice(0, 3)).toEqual([have, bytes.length, 0])
      expect(fetched()).toHaveLength(4)
    })
  })
})
