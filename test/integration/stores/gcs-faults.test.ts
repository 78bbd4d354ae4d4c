import { createHash, randomUUID } from 'node:crypto'
import { open as openFile, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import type { Fault } from '../../helpers/faults.ts'
import type { FaultyProxy } from '../../helpers/faulty-proxy.ts'
import { endOf, type FaultyGcs, startFaultyGcs } from '../../helpers/faulty-store.ts'
import { listAll, pattern, readAll } from '../../helpers/move.ts'
import { rangesOf } from '../../helpers/store-contract.ts'

const MiB = 1024 * 1024
const small = pattern(300_000)
const big = pattern(20 * MiB, 7)
const letters = [...'abcdefghijklm']

describe('the Google Cloud Storage store behind a faulty proxy', () => {
  let world: FaultyGcs
  let proxy: FaultyProxy
  let direct: ObjectStore
  let store: ObjectStore

  beforeAll(async () => {
    world = await startFaultyGcs({ versioned: true })
    ;({ proxy, direct, store } = world)
    await direct.put('small', small)
    await direct.upload('big', big.length, rangesOf(big))
    for (const letter of letters) await direct.put(`list/${letter}`, Buffer.from('x'))
  })
  afterEach(() => proxy.plan())
  afterAll(() => world?.stop())

  describe('reading heals', () => {
    const faults: [string, Fault][] = [
      ['500', { kind: 'status', status: 500 }],
      ['503 with Retry-After', { kind: 'status', status: 503, retryAfter: 0 }],
      ['429', { kind: 'status', status: 429 }],
      ['reset before the head', { kind: 'reset', after: 0 }],
      ['reset in the middle', { kind: 'reset', after: 100_000 }],
      ['stall before the head', { kind: 'stall', after: 0 }],
      ['stall in the middle', { kind: 'stall', after: 100_000 }],
      ['cut off', { kind: 'truncate', to: 70_000 }],
      ['drip', { kind: 'drip', bytes: 131_072, every: 5 }],
    ]
    const whole = { small, big }
    for (const [what, fault] of faults) {
      for (const key of ['small', 'big'] as const) {
        test(`${what}: ${key}`, async () => {
          proxy.plan({ match: { method: 'GET', key: new RegExp(`/o/${key}$`), nth: 1 }, fault })
          expect((await readAll(world.storeFor(fault), key)).equals(whole[key])).toBe(true)
          expect(proxy.log.filter((exchange) => exchange.fault).length).toBeGreaterThan(0)
        })
      }
    }

    test('a broken body goes on where it broke: the same generation, or not at all', async () => {
      const [before, after] = [big.subarray(0, 5 * MiB), big.subarray(5 * MiB, 10 * MiB)]
      const overwrite = () => direct.put('moving', after)
      const plan = () =>
        proxy.plan(
          { match: { key: /moving$/, nth: 1 }, fault: { kind: 'reset', after: MiB } },
          { match: { key: /moving$/, nth: 2 }, fault: { kind: 'before', run: overwrite } },
        )
      const { etag } = await direct.put('moving', before)
      plan()
      expect((await readAll(store, 'moving', { version: etag })).equals(before)).toBe(true)
      expect(proxy.log[1]?.range).toMatch(/^bytes=\d{6,}-/)
      await direct.put('moving', before)
      plan()
      expect(await endOf(readAll(store, 'moving'))).toBe('changed')
    })

    test('a flipped bit in a small object costs another try', async () => {
      proxy.plan({ match: { key: /small$/, nth: 1 }, fault: { kind: 'flip', at: 1234 } })
      expect((await readAll(store, 'small')).equals(small)).toBe(true)
      proxy.plan({ match: { key: /small$/, nth: 1 }, fault: { kind: 'length', length: 1000 } })
      expect((await readAll(store, 'small')).equals(small)).toBe(true)
    })
  })

  describe('a download into a file', () => {
    const sha256 = createHash('sha256').update(big).digest('hex')
    const download = async (from: ObjectStore, more = {}) => {
      const path = join(tmpdir(), `granary-download-${randomUUID()}`)
      const file = await openFile(path, 'w+')
      let bytes = 0
      const onBytes = (count: number) => {
        bytes += count
      }
      try {
        const done = await from.download('big', { fd: file.fd }, { size: big.length, onBytes, ...more })
        expect(bytes).toBe(big.length)
        return { done, content: await readFile(path) }
      } finally {
        await file.close()
        await rm(path)
      }
    }
    test('is of one generation, or none', async () => {
      await expect(download(store, { size: 5 })).rejects.toMatchObject({ failure: 'changed' })
      await expect(download(store, { ifMatch: '1' })).rejects.toMatchObject({ failure: 'changed' })
      await expect(download(store, { sha256: sha256.replace(/./, 'x') })).rejects.toMatchObject({ failure: 'corrupt' })
      const { etag } = (await direct.head('big'))!
      const overwrite = () => direct.upload('big', big.length, rangesOf(pattern(big.length, 9)))
      proxy.plan({ match: { query: /alt=media/, nth: 3 }, fault: { kind: 'before', run: overwrite } })
      expect(await endOf(download(store))).toBe('changed')
      proxy.plan()
      expect((await download(store, { version: etag, sha256 })).content.equals(big)).toBe(true)
      await direct.upload('big', big.length, rangesOf(big))
    })
  })

  describe('reading that can’t heal ends typed', () => {
    const cases: [string, string, Fault, string][] = [
      ['always 500', 'small', { kind: 'status', status: 500 }, 'unreachable'],
      ['always reset', 'small', { kind: 'reset', after: 0 }, 'unreachable'],
      ['always flipped', 'small', { kind: 'flip', at: 5 }, 'corrupt'],
      ['always flipped at the end of a big one', 'big', { kind: 'flip', at: 20 * MiB - 1 }, 'corrupt'],
      ['always too short', 'small', { kind: 'length', length: 10 }, 'corrupt'],
      ['denied', 'small', { kind: 'status', status: 403 }, 'denied'],
      ['not authenticated', 'small', { kind: 'status', status: 401 }, 'credentials'],
    ]
    test.each(cases)('%s', async (_, key, fault, failure) => {
      proxy.plan({ match: { method: 'GET', key: new RegExp(`/o/${key}$`) }, fault })
      expect(await endOf(readAll(store, key))).toBe(failure)
    })
    test('always silent', async () => {
      const brief = await world.open({ stall: 100, attempts: 2 })
      proxy.plan({ match: { key: /small$/ }, fault: { kind: 'stall', after: 0 } })
      expect(await endOf(readAll(brief, 'small'))).toBe('unreachable')
    })
  })

  describe('listing', () => {
    const all = letters.map((letter) => `list/${letter}`)
    const keys = async (stall?: number) => {
      const paged = await world.open({ pageSize: 5, ...(stall === undefined ? {} : { stall, attempts: 20 }) })
      return (await listAll(paged.list('list/', { versions: true }))).map(({ key }) => key)
    }
    const faults: [string, Fault][] = [
      ['500', { kind: 'status', status: 500 }],
      ['reset', { kind: 'reset', after: 500 }],
      ['cut off', { kind: 'truncate', to: 500 }],
      ['cut off, and nobody sees', { kind: 'length', length: 500 }],
      ['stall', { kind: 'stall', after: 500 }],
      ['the page before once more', { kind: 'repeat-listing' }],
    ]
    test.each(faults)('heals: %s', async (_, fault) => {
      proxy.plan({ match: { query: /prefix=list/, nth: 2 }, fault })
      expect(await keys(fault.kind === 'stall' ? 500 : undefined)).toEqual(all)
    })
    test('out of order for good is refused', async () => {
      const swap = (body: string) => body.replaceAll('"list/b"', '"list/a"')
      proxy.plan({ match: { query: /prefix=list/ }, fault: { kind: 'rewrite', text: swap } })
      expect(await endOf(keys())).toBe('invalid')
    })
  })

  describe('writing', () => {
    const check = async (key: string, bytes: Buffer) => expect((await readAll(direct, key)).equals(bytes)).toBe(true)
    const faults: [string, Fault][] = [
      ['500', { kind: 'status', status: 500 }],
      ['503', { kind: 'status', status: 503, retryAfter: 0 }],
      ['reset', { kind: 'reset', after: 0 }],
      ['lost answer', { kind: 'lost' }],
      ['stall', { kind: 'stall', after: 0 }],
    ]
    test.each(faults)('heals: %s', async (what, fault) => {
      const key = `put/${what}`
      proxy.plan({ match: { method: 'POST', nth: 1 }, fault })
      await world.storeFor(fault).put(key, small, { ifAbsent: true })
      await check(key, small)
      for (const nth of [1, 2]) {
        proxy.plan({ match: { method: 'PUT', nth }, fault })
        const { checksums } = await world.storeFor(fault).upload(`${key}-${nth}`, big.length, rangesOf(big), {
          ifAbsent: true,
        })
        expect(checksums?.md5).toBeDefined()
        await check(`${key}-${nth}`, big)
      }
    })

    test('heals: bytes that were damaged on the way', async () => {
      proxy.plan({ match: { method: 'POST', nth: 1 }, fault: { kind: 'flip-request', at: 5000 } })
      await store.put('put/flipped', small)
      await check('put/flipped', small)
    })

    test('pieces that were damaged on the way make no object', async () => {
      proxy.plan({ match: { method: 'PUT', nth: 1 }, fault: { kind: 'flip-request', at: 5000 } })
      expect(await endOf(store.upload('put/flipped-big', big.length, rangesOf(big)))).toBe('corrupt')
      expect(await direct.head('put/flipped-big')).toBeUndefined()
    })

    test('a refused condition is no success of ours when the bytes there are others', async () => {
      await direct.put('put/theirs', Buffer.from('theirs'))
      proxy.plan({ match: { method: 'POST', nth: 1 }, fault: { kind: 'reset', after: 0 } })
      expect(await endOf(store.put('put/theirs', Buffer.from('ours'), { ifAbsent: true }))).toBe('exists')
      expect((await readAll(direct, 'put/theirs')).toString()).toBe('theirs')
    })

    test('an upload that fails for good is given up', async () => {
      proxy.plan({ match: { method: 'PUT' }, fault: { kind: 'status', status: 500 } })
      expect(await endOf(store.upload('put/failed', big.length, rangesOf(big)))).toBe('unreachable')
      expect(proxy.log.at(-1)?.method).toBe('DELETE')
      expect(await direct.head('put/failed')).toBeUndefined()
    })
  })

  test('stopping stops at once', async () => {
    proxy.plan({ match: { key: /small$/ }, fault: { kind: 'status', status: 503, retryAfter: 600 } })
    const stop = new AbortController()
    const reading = readAll(store, 'small', { signal: stop.signal })
    setTimeout(() => stop.abort(new Error('stopped')), 50)
    await expect(reading).rejects.toThrow()
  })
})
