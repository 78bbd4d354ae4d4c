import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from 'vitest'
import { versionKey } from '../../../src/manifest/keys.ts'
import { parseCommit } from '../../../src/manifest/records.ts'
import type { MoveDeps, SpecOf } from '../../../src/mover/deps.ts'
import { failureOf } from '../../../src/mover/failure.ts'
import { finalize } from '../../../src/mover/finalize.ts'
import { verify } from '../../../src/mover/verify.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import type { Match } from '../../helpers/faults.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { startMinio } from '../../helpers/minio-server.ts'
import { listAll, type Moving, pattern, readAll, startMoving } from '../../helpers/move.ts'
import { moverPod } from '../../helpers/mover-process.ts'
import { startS3Server } from '../../helpers/s3-server.ts'
import { plant, temporaryDir } from '../../helpers/tree.ts'

const files = { same: 'same', middle: pattern(100_000) }
/** A multipart upload, too, whose last request has the condition. */
const big = { big: pattern(9 * 1024 * 1024) }
const second = { ...files, middle: pattern(300_000, 7), 'only/second': '2' }
const hour = 3_600_000

interface Server {
  endpoint: string
  region: string
  accessKey: string
  secretKey: string
  createBucket(name: string): Promise<void>
  stop(): Promise<void>
}

const servers: [string, number, () => Promise<Server>][] = [
  ['versitygw', 1, startS3Server],
  ['MinIO', 2, async () => ({ ...(await startMinio()), region: 'us-east-1' })],
]

describe.each(servers)('two movers of one number on %s', (_name, first, start) => {
  let server: Server
  let proxy: FaultyProxy
  let moving: Moving
  let store: ObjectStore
  let round = 0
  let prefix: string

  beforeAll(async () => {
    server = await start()
    proxy = await startFaultyProxy(server.endpoint)
    moving = await startMoving(server)
    await server.createBucket('store')
    store = await moving.open(moving.location('store'))
  }, 120_000)
  beforeEach(() => next())
  afterAll(async () => {
    await moving?.stop()
    await proxy?.stop()
    await server?.stop()
  })

  const next = () => {
    prefix = `granary/team/m${++round}/`
    proxy.plan()
  }
  const spec = (endpoint = server.endpoint): SpecOf<'Finalize'> => ({
    op: 'Finalize',
    dataset: { namespace: 'team', name: `m${round}`, uid: 'uid-1' },
    store: moving.location('store', prefix, endpoint),
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z' },
  })
  const volume = async (content: typeof files) => {
    const data = await temporaryDir()
    await plant(data, content)
    return data
  }
  const run = (data: string, endpoint?: string, more: Partial<MoveDeps> = {}) =>
    finalize({ ...moving.deps(), data, ...more }, spec(endpoint))
  const record = async () => parseCommit(await readAll(store, versionKey(prefix, 1)), 'v1')
  const expectSound = async () => {
    const { root, digest } = await record()
    const version = { sequence: 1, root, digest }
    const asked = { op: 'Verify', store: moving.location('store', prefix), version, what: 'Store' } as const
    expect(await verify(moving.deps(), { ...asked, depth: 'Full' })).toMatchObject({ outcome: 'Sound' })
  }

  /** Holds the request back until `go`; `reached` resolves when it is there. */
  const hold = (match: Match) => {
    let go = () => {}
    const released = new Promise<void>((resolve) => {
      go = resolve
    })
    const reached = new Promise<void>((resolve) => {
      const run = async () => {
        resolve()
        await released
      }
      proxy.plan({ match, fault: { kind: 'before', run } })
    })
    onTestFinished(() => go())
    return { reached, go }
  }

  /** What the other one sees; once more, later, where an announced commit keeps it from replacing anything. */
  const laterOne = async (data: string) => {
    try {
      return await run(data)
    } catch (error) {
      expect(failureOf(error).reason).toBe('Unreachable')
      return run(data, undefined, { now: () => Date.now() + hour })
    }
  }

  test('any request of the first arrives only after the second has committed', async () => {
    const [a, b] = [await volume(files), await volume(second)]
    let held = 0
    // Every third request, and on each server other ones: all of them take long.
    for (let nth = first; ; nth += 3) {
      next()
      const { reached, go } = hold({ nth })
      const ending = run(a, proxy.endpoint).then(
        () => 'done' as const,
        (error) => failureOf(error).reason,
      )
      const isHeld = await Promise.race([reached.then(() => true), ending.then(() => false)])
      if (!isHeld) break
      held++
      await laterOne(b)
      const before = await record()
      go()
      expect(['done', 'Unreachable']).toContain(await ending)
      expect(await record()).toEqual(before)
      await expectSound()
    }
    expect(held).toBeGreaterThan(5)
  }, 240_000)

  test('killed at any request, before it or with its answer lost: the next attempt ends in the same version', async () => {
    const a = await volume(files)
    const reference = await run(a)
    const expected = (await listAll(store.list(prefix))).map(({ key }) => key.slice(prefix.length))
    for (const arrives of [false, true]) {
      for (let nth = first; ; nth += 3) {
        next()
        const stop = new AbortController()
        const kill = async () => {
          // An answer that is lost: the request itself takes place.
          if (arrives) setImmediate(() => stop.abort(new Error('killed')))
          else stop.abort(new Error('killed'))
        }
        proxy.plan({ match: { nth }, fault: { kind: 'before', run: kill } })
        const done = await run(a, proxy.endpoint, { signal: stop.signal }).catch(() => undefined)
        if (!stop.signal.aborted) {
          expect(done).toMatchObject({ root: reference.root })
          break
        }
        expect(await run(a)).toMatchObject({ root: reference.root, digest: reference.digest })
        expect((await listAll(store.list(prefix))).map(({ key }) => key.slice(prefix.length))).toEqual(expected)
      }
    }
  }, 240_000)

  const held: [string, Match, typeof files][] = [
    ['a file', { method: 'PUT', key: /\/data\/v1\/middle$/ }, second],
    ['the record', { method: 'PUT', key: /\/versions\/v1\.json$/ }, files],
    ['the end of a big file', { method: 'POST', key: /\/data\/v1\/big$/, nth: 2 }, second],
  ]
  // Processes take long to start: all of it on one server.
  test.each(held.slice(0, first === 1 ? 3 : 1))(
    'two processes, the first held at its put of %s',
    async (_what, match, content) => {
      const keys = { s3: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey } }
      const [one, other] = [await moverPod(keys), await moverPod(keys)]
      onTestFinished(async () => {
        await one.remove()
        await other.remove()
      })
      await plant(one.data, { ...files, ...big })
      await plant(other.data, { ...content, ...big })
      const { reached, go } = hold(match)
      const held = one.start(spec(proxy.endpoint))
      await Promise.race([reached, held.ended.then(({ output }) => expect.fail(output))])
      const end = await other.run(spec())
      expect(end.result, end.output).toMatchObject({ outcome: 'Committed' })
      const before = await record()
      go()
      await held.ended
      expect(await record()).toEqual(before)
      await expectSound()
    },
    120_000,
  )
})
