import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import type { Fault, Match } from '../../helpers/faults.ts'
import type { FaultyProxy } from '../../helpers/faulty-proxy.ts'
import { endOf, type FaultyS3, startFaultyS3 } from '../../helpers/faulty-store.ts'
import { listAll, pattern, readAll } from '../../helpers/move.ts'
import { rangesOf } from '../../helpers/store-contract.ts'

const MiB = 1024 * 1024
const small = pattern(300_000)
const big = pattern(11 * MiB, 7)
const letters = [...'abcdefghijklm']

describe('the S3 store behind a faulty proxy', () => {
  let world: FaultyS3
  let proxy: FaultyProxy
  let direct: ObjectStore
  let store: ObjectStore

  beforeAll(async () => {
    world = await startFaultyS3({ versioned: true })
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
      ['429', { kind: 'status', status: 429, code: 'TooManyRequests' }],
      ['reset before the head', { kind: 'reset', after: 0 }],
      ['reset in the middle', { kind: 'reset', after: 100_000 }],
      ['stall before the head', { kind: 'stall', after: 0 }],
      ['stall in the middle', { kind: 'stall', after: 100_000 }],
      ['cut off', { kind: 'truncate', to: 70_000 }],
      ['drip', { kind: 'drip', bytes: 65_536, every: 5 }],
    ]
    const whole = { small, big }
    for (const [what, fault] of faults) {
      for (const key of ['small', 'big'] as const) {
        test(`${what}: ${key}`, async () => {
          proxy.plan({ match: { method: 'GET', key: new RegExp(`^${key}$`), nth: 1 }, fault })
          expect((await readAll(world.storeFor(fault), key)).equals(whole[key])).toBe(true)
          expect(proxy.log.filter((exchange) => exchange.fault).length).toBeGreaterThan(0)
        })
      }
    }

    test('a broken body goes on where it broke, in the same state', async () => {
      await direct.put('moving', big.subarray(0, 5 * MiB))
      const overwrite = () => direct.put('moving', big.subarray(5 * MiB, 10 * MiB))
      proxy.plan(
        { match: { key: /^moving$/, nth: 1 }, fault: { kind: 'reset', after: MiB } },
        { match: { key: /^moving$/, nth: 2 }, fault: { kind: 'before', run: overwrite } },
      )
      expect((await readAll(store, 'moving')).equals(big.subarray(0, 5 * MiB))).toBe(true)
      expect(proxy.log[1]?.range).toMatch(/^bytes=\d{6,}-/)
      expect(proxy.log[1]?.query).toMatch(/versionId=/)
    })

    test('a flipped bit in a small object costs another try', async () => {
      proxy.plan({ match: { key: /^small$/, nth: 1 }, fault: { kind: 'flip', at: 1234 } })
      expect((await readAll(store, 'small')).equals(small)).toBe(true)
      proxy.plan({ match: { key: /^small$/, nth: 1 }, fault: { kind: 'length', length: 1000 } })
      expect((await readAll(store, 'small')).equals(small)).toBe(true)
    })

    test('a body that breaks off again and again, but brings something, arrives', async () => {
      proxy.plan({ match: { key: /^big$/ }, fault: { kind: 'reset', after: 2 * MiB } })
      expect((await readAll(store, 'big')).equals(big)).toBe(true)
    })
  })

  describe('reading that can’t heal ends typed', () => {
    const cases: [string, string, Fault, string][] = [
      ['always 500', 'small', { kind: 'status', status: 500 }, 'unreachable'],
      ['always reset', 'small', { kind: 'reset', after: 0 }, 'unreachable'],
      ['always flipped', 'small', { kind: 'flip', at: 5 }, 'corrupt'],
      ['always too short', 'small', { kind: 'length', length: 10 }, 'corrupt'],
      ['denied', 'small', { kind: 'status', status: 403 }, 'denied'],
      ['expired', 'small', { kind: 'status', status: 400, code: 'ExpiredToken' }, 'credentials'],
      ['not there', 'none', { kind: 'drip', bytes: 9999, every: 1 }, 'not-found'],
    ]
    for (const [what, key, fault, failure] of cases) {
      test(what, async () => {
        proxy.plan({ match: { method: 'GET', key: new RegExp(`^${key}$`) }, fault })
        expect(await endOf(readAll(store, key))).toBe(failure)
      })
    }
    test('always silent', async () => {
      const brief = await world.open({ stall: 100, attempts: 2 })
      proxy.plan({ match: { method: 'GET', key: /^small$/ }, fault: { kind: 'stall', after: 0 } })
      expect(await endOf(readAll(brief, 'small'))).toBe('unreachable')
    })
    test('an object put in one piece that is damaged at its end fails at its end', async () => {
      await direct.put('medium', big.subarray(0, 4 * MiB))
      proxy.plan({ match: { key: /^medium$/ }, fault: { kind: 'flip', at: 4 * MiB - 1 } })
      expect(await endOf(readAll(store, 'medium'))).toBe('corrupt')
    })
  })

  describe('listing', () => {
    const page = (nth: number): Match => ({ query: /list-type=2/, nth })
    const keys = async (versions: boolean, stall?: number) => {
      const paged = await world.open({ pageSize: 5, ...(stall === undefined ? {} : { stall, attempts: 20 }) })
      return (await listAll(paged.list('list/', { versions }))).map(({ key }) => key)
    }
    const all = letters.map((letter) => `list/${letter}`)
    const faults: [string, Fault][] = [
      ['500', { kind: 'status', status: 500 }],
      ['reset', { kind: 'reset', after: 500 }],
      ['cut off', { kind: 'truncate', to: 500 }],
      ['cut off, and nobody sees', { kind: 'length', length: 500 }],
      ['stall', { kind: 'stall', after: 500 }],
      ['the page before once more', { kind: 'repeat-listing' }],
    ]
    for (const [what, fault] of faults) {
      test(`heals: ${what}`, async () => {
        proxy.plan({ match: page(2), fault })
        const stall = fault.kind === 'stall' ? 500 : undefined
        expect(await keys(false, stall)).toEqual(all)
        proxy.plan({ match: { query: /versions/, nth: 2 }, fault })
        expect(await keys(true, stall)).toEqual(all)
      })
    }
    test('out of order for good is refused', async () => {
      const swap = (body: string) => body.replace('list/b<', 'list/a<')
      proxy.plan({ match: { query: /list-type=2/ }, fault: { kind: 'rewrite', text: swap } })
      expect(await endOf(keys(false))).toBe('invalid')
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
      ['damaged on the way', { kind: 'flip-request', at: 99 }],
    ]
    for (const [what, fault] of faults) {
      test(`heals: ${what}`, async () => {
        const key = `put/${what}`
        proxy.plan({ match: { method: 'PUT', nth: 1 }, fault })
        await world.storeFor(fault).put(key, small, { ifAbsent: true })
        await check(key, small)
        proxy.plan({ match: { method: 'PUT', nth: 2 }, fault })
        await world.storeFor(fault).upload(`${key}-big`, big.length, rangesOf(big))
        await check(`${key}-big`, big)
      })
    }

    test('a completion whose answer was lost counts as done', async () => {
      proxy.plan({ match: { method: 'POST', query: /uploadId/, nth: 1 }, fault: { kind: 'lost' } })
      await store.upload('put/lost-completion', big.length, rangesOf(big))
      await check('put/lost-completion', big)
    })

    test('a refused condition is no success of ours when the bytes there are others', async () => {
      await direct.put('put/theirs', Buffer.from('theirs'))
      proxy.plan({ match: { method: 'PUT', nth: 1 }, fault: { kind: 'reset', after: 0 } })
      expect(await endOf(store.put('put/theirs', Buffer.from('ours'), { ifAbsent: true }))).toBe('exists')
      expect((await readAll(direct, 'put/theirs')).toString()).toBe('theirs')
    })

    test('409 is tried again, 412 is not', async () => {
      proxy.plan({ match: { method: 'PUT', nth: 1 }, fault: { kind: 'status', status: 409 } })
      await store.put('put/conflict', small, { ifAbsent: true })
      proxy.plan({ match: { method: 'PUT' }, fault: { kind: 'status', status: 412 } })
      expect(await endOf(store.put('put/refused', small, { ifAbsent: true }))).toBe('exists')
      expect(proxy.log.filter(({ method }) => method === 'PUT')).toHaveLength(1)
    })

    test('an upload that fails for good is taken back', async () => {
      proxy.plan({ match: { method: 'PUT', query: /partNumber=2/ }, fault: { kind: 'status', status: 500 } })
      expect(await endOf(store.upload('put/failed', big.length, rangesOf(big)))).toBe('unreachable')
      expect(await direct.abortUploads('')).toBe(0)
      expect(await direct.head('put/failed')).toBeUndefined()
    })
  })

  test('a HEAD has no body to say why: the reason comes from a GET', async () => {
    proxy.plan(
      { match: { method: 'HEAD' }, fault: { kind: 'status', status: 400 } },
      { match: { method: 'GET' }, fault: { kind: 'status', status: 400, code: 'ExpiredToken' } },
    )
    expect(await endOf(store.head('small'))).toBe('credentials')
  })

  test('stopping stops at once', async () => {
    proxy.plan({ match: { key: /^small$/ }, fault: { kind: 'status', status: 503, retryAfter: 600 } })
    const stop = new AbortController()
    const reading = readAll(store, 'small', { signal: stop.signal })
    setTimeout(() => stop.abort(new Error('stopped')), 50)
    await expect(reading).rejects.toThrow()
  })
})
