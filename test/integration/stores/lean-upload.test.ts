import { createHash } from 'node:crypto'
import { ftruncateSync, writeSync } from 'node:fs'
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { type ObjectStore, StoreError, type UploadFileOptions } from '../../../src/stores/object-store.ts'
import type { Fault, Match } from '../../helpers/faults.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { listAll, type Moving, pattern, readAll, startMoving } from '../../helpers/move.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'

const MiB = 1024 * 1024
/** Read here and sent at once; read by another thread; in parts. */
const contents = { small: pattern(60_000), medium: pattern(3 * MiB, 3), big: pattern(19 * MiB + 19, 7) }
type Name = keyof typeof contents
const names = Object.keys(contents) as Name[]
const sha256 = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex')

describe('uploads of files through a faulty proxy', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let moving: Moving
  let direct: ObjectStore
  let store: ObjectStore
  let impatient: ObjectStore
  let dir: string
  const files = {} as Record<Name, FileHandle>

  beforeAll(async () => {
    server = await startS3Server()
    proxy = await startFaultyProxy(server.endpoint)
    moving = await startMoving(server)
    dir = await mkdtemp(join(tmpdir(), 'granary-lean-'))
    for (const name of names) {
      files[name] = await open(join(dir, name), 'w+')
      await files[name].write(contents[name])
    }
    await server.createBucket('bucket')
    direct = await moving.open(moving.location('bucket'))
    const proxied = moving.location('bucket', '', proxy.endpoint)
    store = await moving.open(proxied)
    impatient = await moving.open(proxied, { stall: 1000, attempts: 20 })
  })
  afterEach(async () => {
    proxy.plan()
    await direct.remove((await listAll(direct.list(''))).map(({ key }) => key))
  })
  afterAll(async () => {
    for (const file of Object.values(files)) await file.close()
    await moving?.stop()
    await proxy?.stop()
    await server?.stop()
    if (dir) await rm(dir, { recursive: true, force: true })
  })

  const send = async (to: ObjectStore, name: Name, more: Partial<UploadFileOptions> = {}) => {
    const done = await to.uploadFile(name, files[name].fd, { size: contents[name].length, ...more })
    expect(done.sha256).toBe(sha256(contents[name]))
    expect(done.info.size).toBe(contents[name].length)
    expect((await readAll(direct, name)).equals(contents[name])).toBe(true)
  }
  const fails = (work: Promise<unknown>) =>
    work.then(
      () => 'success',
      (error) => (error instanceof StoreError ? error.failure : error),
    )
  const byOrdinaryClient = () =>
    proxy.log.filter(({ method, query }) => method === 'PUT' && query.includes('x-id=')).length
  const writes = (name: Name, nth: number): Match =>
    name === 'big' ? { method: 'PUT', query: /partNumber=2/, nth } : { method: 'PUT', nth }

  test.each(names)('without a fault the ordinary client sends no bytes, and each goes once: %s', async (name) => {
    await send(store, name)
    expect(byOrdinaryClient()).toBe(0)
    expect(proxy.log.filter(({ method }) => method === 'PUT')).toHaveLength(name === 'big' ? 3 : 1)
    expect(await fails(store.uploadFile(name, files[name].fd, { size: 5, ifAbsent: true }))).toBe('exists')
  })

  const healing: [string, Fault][] = [
    ['500', { kind: 'status', status: 500 }],
    ['503', { kind: 'status', status: 503, retryAfter: 0 }],
    ['409', { kind: 'status', status: 409 }],
    ['reset', { kind: 'reset', after: 0 }],
    ['lost answer', { kind: 'lost' }],
    ['stall', { kind: 'stall', after: 0 }],
    ['damaged on the way', { kind: 'flip-request', at: 99 }],
    ['an answer without a length', { kind: 'chunked' }],
  ]
  describe.each(healing)('heals: %s', (_what, fault) => {
    test.each(names)('%s', async (name) => {
      // With a condition too: the echo of a try of ours is no refusal.
      for (const ifAbsent of [false, true]) {
        await direct.remove([name])
        proxy.plan({ match: writes(name, 1), fault })
        await send(fault.kind === 'stall' ? impatient : store, name, { ifAbsent })
      }
      expect(proxy.log.filter((exchange) => exchange.fault).length).toBeGreaterThan(0)
      expect(await direct.abortUploads('')).toBe(0)
    })
  })

  const failing: [string, Fault, string][] = [
    ['always 500', { kind: 'status', status: 500 }, 'unreachable'],
    ['denied', { kind: 'status', status: 403 }, 'denied'],
    ['expired', { kind: 'status', status: 400, code: 'ExpiredToken' }, 'credentials'],
    ['always damaged', { kind: 'flip-request', at: 99 }, 'corrupt'],
  ]
  describe.each(failing)('what can’t heal ends typed, and leaves nothing: %s', (_what, fault, failure) => {
    test.each(names)('%s', async (name) => {
      const match = name === 'big' ? { method: 'PUT', query: /partNumber=2/ } : { method: 'PUT' }
      proxy.plan({ match, fault })
      expect(await fails(send(store, name))).toBe(failure)
      expect(await direct.abortUploads('')).toBe(0)
      expect(await direct.head(name)).toBeUndefined()
    })
  })

  test('a file that gets shorter meanwhile is no success', async () => {
    const bytes = contents.big
    const overwrite = async () => ftruncateSync(files.big.fd, 9 * MiB)
    try {
      proxy.plan({ match: { method: 'POST', query: /uploads/ }, fault: { kind: 'before', run: overwrite } })
      expect(await fails(store.uploadFile('big', files.big.fd, { size: bytes.length }))).toBe('changed')
      expect(await direct.abortUploads('')).toBe(0)
    } finally {
      writeSync(files.big.fd, bytes, 0, bytes.length, 0)
    }
  })

  test('stopping stops at once, and takes the parts back', async () => {
    const stop = new AbortController()
    const run = async () => stop.abort(new Error('stopped'))
    proxy.plan({ match: { method: 'PUT', query: /partNumber=2/ }, fault: { kind: 'before', run } })
    await expect(send(store, 'big', { signal: stop.signal })).rejects.toThrow('stopped')
    expect(await direct.abortUploads('')).toBe(0)
  })
})
