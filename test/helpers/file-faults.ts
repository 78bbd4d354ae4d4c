import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { DownloadOptions, ObjectStore, UploadFileOptions } from '../../src/stores/object-store.ts'
import type { Fault, Match } from './faults.ts'
import { endOf, type FaultyStore } from './faulty-store.ts'
import { listAll, pattern, readAll } from './move.ts'
import { rangesOf } from './store-contract.ts'

const MiB = 1024 * 1024
/** Small enough for one request that is dealt with at once; for one that another thread deals with; in pieces. */
export const contents = { small: pattern(300_000), medium: pattern(3 * MiB, 3), big: pattern(19 * MiB + 19, 7) }
export type Name = keyof typeof contents
const every = Object.keys(contents) as Name[]
/** Where failures are the same for the two in one request. */
const ends = ['small', 'big'] as const
const digests = Object.fromEntries(
  every.map((name) => [name, createHash('sha256').update(contents[name]).digest('hex')]),
) as Record<Name, string>

/** Of the requests for a big object one in the middle, or all from there on. */
const some = (match: Match, name: Name): Match => ({ ...match, nth: name === 'big' ? [2, 3] : 1 })
const all = (match: Match, name: Name): Match => ({ ...match, ...(name === 'big' ? { nth: { from: 2 } } : {}) })

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
  ['a slow drip', { kind: 'drip', bytes: 65_536, every: 2 }],
]

const healingUploads: [string, Fault][] = [
  ['500', { kind: 'status', status: 500 }],
  ['503 with Retry-After', { kind: 'status', status: 503, retryAfter: 0 }],
  ['429', { kind: 'status', status: 429, code: 'TooManyRequests' }],
  ['409', { kind: 'status', status: 409 }],
  ['reset before the answer', { kind: 'reset', after: 0 }],
  ['reset in the middle of the body', { kind: 'reset-request', after: 50_000 }],
  ['the answer is lost', { kind: 'lost' }],
  ['a stall', { kind: 'stall', after: 0 }],
  ['damaged on the way', { kind: 'flip-request', at: 20_000 }],
  ['an answer without a length', { kind: 'chunked' }],
  ['a slow drip', { kind: 'drip-request', bytes: 65_536, every: 2 }],
]

type Refusal = (world: FaultyStore) => Fault
const failing: [string, Refusal, string][] = [
  ['always 500', () => ({ kind: 'status', status: 500 }), 'unreachable'],
  ['always reset', () => ({ kind: 'reset', after: 0 }), 'unreachable'],
  ['always flipped', () => ({ kind: 'flip', at: 5 }), 'corrupt'],
  ['denied', ({ refusals }) => refusals.denied, 'denied'],
  ['expired', ({ refusals }) => refusals.expired, 'credentials'],
  ['changed', () => ({ kind: 'status', status: 412 }), 'changed'],
  ['gone', ({ refusals }) => refusals.gone, 'not-found'],
]
const failingUploads: [string, Refusal, string][] = [
  ['always 500', () => ({ kind: 'status', status: 500 }), 'unreachable'],
  ['always torn in the middle', () => ({ kind: 'reset-request', after: 50_000 }), 'unreachable'],
  ['always damaged', () => ({ kind: 'flip-request', at: 20_000 }), 'corrupt'],
  ['denied', ({ refusals }) => refusals.denied, 'denied'],
  ['expired', ({ refusals }) => refusals.expired, 'credentials'],
]

/** What TLS makes different: how a connection ends, or does not. */
const ofConnections = ['reset', 'reset-request', 'truncate', 'lost', 'stall']

/** Whatever goes wrong on the way of an object into a file, or of a file into an object: it heals, or ends in the right failure; never in a wrong byte. */
export const fileFaults = (
  start: () => Promise<FaultyStore>,
  { faults = 'all', names = every }: { faults?: 'all' | 'of connections'; names?: readonly Name[] } = {},
): void => {
  const chosen = (table: [string, Fault][]) =>
    table.filter(([, { kind }]) => faults === 'all' || ofConnections.includes(kind))
  let world: FaultyStore
  let dir: string
  let target: FileHandle
  const sources = {} as Record<Name, FileHandle>
  const etags: Partial<Record<Name, string>> = {}

  beforeAll(async () => {
    world = await start()
    dir = await mkdtemp(join(tmpdir(), 'granary-files-'))
    target = await open(join(dir, 'target'), 'w+')
    for (const name of names) {
      const bytes = contents[name]
      etags[name] = (await world.direct.upload(name, bytes.length, rangesOf(bytes))).etag!
      sources[name] = await open(join(dir, name), 'w+')
      await sources[name].write(bytes)
    }
  })
  afterEach(() => world.proxy.plan())
  afterAll(async () => {
    for (const file of [target, ...Object.values(sources)]) await file?.close()
    await world?.stop()
    if (dir) await rm(dir, { recursive: true, force: true })
  })

  const fetch = async (from: ObjectStore, name: Name, more: Partial<DownloadOptions> = {}) => {
    const bytes = contents[name]
    await target.truncate(0)
    let arrived = 0
    const onBytes = (count: number) => {
      arrived += count
    }
    const done = await from.download(name, { fd: target.fd }, { size: bytes.length, onBytes, ...more })
    expect(done.sha256).toBe(digests[name])
    expect(readFileSync(join(dir, 'target')).equals(bytes)).toBe(true)
    expect(arrived).toBe(bytes.length)
  }
  const send = async (to: ObjectStore, name: Name, more: Partial<UploadFileOptions> = {}) => {
    const key = `up/${name}`
    const done = await to.uploadFile(key, sources[name].fd, { size: contents[name].length, ...more })
    expect(done.sha256).toBe(digests[name])
    expect(done.info.size).toBe(contents[name].length)
    expect((await readAll(world.direct, key)).equals(contents[name])).toBe(true)
  }
  const sends: Match = { sends: 50_000 }
  const metFault = () => expect(world.proxy.log.filter((exchange) => exchange.fault).length).toBeGreaterThan(0)
  /** The store may know the sums of pieces alone: then only what was recorded tells. */
  const pinned = (name: Name) => ({ ifMatch: etags[name]!, ...(name === 'big' ? { sha256: digests.big } : {}) })

  describe.each(chosen(healing))('a download heals: %s', (_what, fault) => {
    test.each(names)('%s', async (name) => {
      world.proxy.plan({ match: some(world.reads(name), name), fault })
      await fetch(world.storeFor(fault), name, pinned(name))
      metFault()
    })
  })

  describe.each(faults === 'all' ? failing : [])(
    'a download that can’t heal ends typed: %s',
    (_what, refusal, failure) => {
      test.each(ends)('%s', async (name) => {
        const fault = refusal(world)
        // Why, is perhaps asked by another client.
        const why = { match: { method: 'GET', query: /x-id=/ }, fault }
        world.proxy.plan({ match: all(world.reads(name), name), fault }, why)
        let arrived = 0
        const onBytes = (count: number) => {
          arrived += count
        }
        const error = await fetch(world.store, name, { ...pinned(name), onBytes }).catch((thrown: Error) => thrown)
        expect(await endOf(Promise.reject(error))).toBe(failure)
        expect(arrived).toBe(0)
        const said = JSON.stringify(error, [...Object.getOwnPropertyNames(error), 'cause', 'message', 'stack'])
        for (const secret of [...world.secrets, 'Signature', 'AWS4']) expect(said).not.toContain(secret)
      })
    },
  )

  describe('uploads', () => {
    afterEach(async () => {
      world.proxy.plan()
      await world.direct.remove((await listAll(world.direct.list('up/'))).map(({ key }) => key))
    })

    describe.each(chosen(healingUploads))('heal: %s', (_what, fault) => {
      test.each(names)('%s', async (name) => {
        world.proxy.plan({ match: some(sends, name), fault })
        if (name === 'big' && fault.kind === 'flip-request' && !world.checksPieces) {
          expect(await endOf(send(world.store, name))).toBe('corrupt')
          expect(await world.direct.head(`up/${name}`)).toBeUndefined()
          return
        }
        // With a condition: the echo of a try of ours is no refusal.
        await send(world.storeFor(fault), name, { ifAbsent: true })
        metFault()
        expect(await world.direct.abortUploads('up/')).toBe(0)
      })
    })

    describe.each(faults === 'all' ? failingUploads : [])(
      'that can’t heal end typed, and leave nothing: %s',
      (_what, refusal, failure) => {
        test.each(ends)('%s', async (name) => {
          world.proxy.plan({ match: all(sends, name), fault: refusal(world) })
          expect(await endOf(send(world.store, name))).toBe(failure)
          expect(await world.direct.abortUploads('up/')).toBe(0)
          expect(await world.direct.head(`up/${name}`)).toBeUndefined()
        })
      },
    )
  })
}
