import { mkdir, readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { exitCodes } from '../../../src/api/move-result.ts'
import type { DoneOf, SpecOf } from '../../../src/mover/deps.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { copyEnvironment, startCopy } from '../../helpers/cp-process.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { listAll, type Moving, pattern, startMoving } from '../../helpers/move.ts'
import { type MoverPod, moverPod } from '../../helpers/mover-process.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { look, plant, temporaryDir } from '../../helpers/tree.ts'

const many = Object.fromEntries(Array.from({ length: 30 }, (_, i) => [`many/${i}`, `${i}`]))
const files = { ...many, 'big.bin': pattern(17 * 1024 * 1024), run: { executable: '#!/bin/sh' }, empty: '' }
const total = Object.keys(files).length

interface Running {
  kill(signal: NodeJS.Signals): void
  ended: Promise<{ code: number | null; output?: string; stderr?: string }>
}

/** Programs that are killed with kill -9 at any moment: the next attempt ends as if there had been no other, and leaves nothing behind. */
describe('killed at any moment', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let moving: Moving
  let store: ObjectStore
  let round = 0

  beforeAll(async () => {
    server = await startS3Server()
    proxy = await startFaultyProxy(server.endpoint)
    moving = await startMoving(server)
    await server.createBucket('bucket')
    store = await moving.open(moving.location('bucket'))
  })
  afterAll(async () => {
    await moving?.stop()
    await proxy?.stop()
    await server?.stop()
  })

  const moment = fc.record({ nth: fc.integer({ min: 1, max: 40 }), later: fc.integer({ min: 0, max: 20 }) })
  /** Kills what `start` starts some milliseconds after its n-th request, if it lives so long; then lets it run to its end. */
  const killAndGoOn = async ({ nth, later }: { nth: number; later: number }, start: () => Running) => {
    let running: Running | undefined
    const run = async () => {
      if (later > 0) void sleep(later).then(() => running?.kill('SIGKILL'))
      else {
        running?.kill('SIGKILL')
        await running?.ended
      }
    }
    proxy.plan({ match: { nth }, fault: { kind: 'before', run } })
    running = start()
    await running.ended
    proxy.plan()
    const end = await start().ended
    expect(end.code, end.output ?? end.stderr).toBe(exitCodes.done)
    const unfinished = await server.client.send(new ListMultipartUploadsCommand({ Bucket: 'bucket' }))
    expect(unfinished.Uploads ?? []).toEqual([])
  }
  /** For any two moments; the same ones in every run. */
  const atAnyMoment = (work: (when: { nth: number; later: number }) => Promise<void>) =>
    fc.assert(fc.asyncProperty(moment, work), { numRuns: 2, seed: 20261121 + round++, endOnFailure: true })

  const dataset = () => ({ namespace: 'team', name: `m${round}`, uid: 'uid-1' })
  const at = (prefix: string) => moving.location('bucket', prefix, proxy.endpoint)
  const finalizing = (prefix: string): SpecOf<'Finalize'> => ({
    op: 'Finalize',
    dataset: dataset(),
    store: at(prefix),
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z' },
  })
  const keys = async (prefix: string) =>
    (await listAll(store.list(prefix)))
      .map(({ key }) => key.slice(prefix.length).replace(/[0-9a-f]{64}/, '*'))
      .filter((key) => !key.startsWith('sources/'))
  const versionOf = ['LAYOUT.json', ...Object.keys(files).map((path) => `data/v1/${path}`)]
  const stored = [...versionOf, 'manifests/*.ndjson.gz', 'roots/*.json', 'versions/v1.json'].sort()
  const withPods = async (work: (pod: MoverPod, other: MoverPod) => Promise<void>) => {
    const secret = { s3: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: server.secretKey } }
    const pods = await Promise.all([moverPod(secret), moverPod(secret)])
    try {
      await work(...pods)
    } finally {
      for (const pod of pods) await pod.remove()
    }
  }
  /** Bytes and links of a directory; modes are not of a plain volume's making. */
  const bare = async (dir: string) =>
    Object.fromEntries(Object.entries(await look(dir)).map(([path, seen]) => [path, seen.replace(/^\d+ ?/, '')]))

  test('Finalize, and Populate of what came of it', () =>
    withPods(async (pod, other) => {
      await plant(pod.data, files)
      await atAnyMoment(async (when) => {
        const prefix = `granary/f${round}-${when.nth}-${when.later}/`
        await killAndGoOn(when, () => pod.start(finalizing(prefix)))
        expect((await keys(prefix)).sort()).toEqual(stored)
        const { root, digest } = (await pod.run(finalizing(prefix))).result as DoneOf<'Finalize'>
        const version = { sequence: 1, root, digest }
        await rm(other.data, { recursive: true })
        await mkdir(other.data)
        await killAndGoOn(when, () => other.start({ op: 'Populate', store: at(prefix), version, modes: 'Working' }))
        expect(await bare(other.data)).toEqual(await bare(pod.data))
      })
    }))

  test('Import', () =>
    withPods(async (pod) => {
      for (const [path, content] of Object.entries(files))
        await store.put(
          `raw/${path}`,
          Buffer.from(typeof content === 'object' && 'executable' in content ? '#!' : content),
        )
      await atAnyMoment(async (when) => {
        const prefix = `granary/i${round}-${when.nth}-${when.later}/`
        const { intent } = finalizing(prefix)
        const source = at('raw/')
        await killAndGoOn(when, () =>
          pod.start({ op: 'Import', dataset: dataset(), store: at(prefix), source, mode: 'Copy', intent }),
        )
        expect((await keys(prefix)).sort()).toEqual(stored)
      })
    }))

  test('granary cp, up and down', async () => {
    const dir = await temporaryDir()
    await plant(join(dir, 'source'), files)
    await atAnyMoment(async (when) => {
      const name = `c${round}-${when.nth}-${when.later}`
      const env = copyEnvironment(server, proxy.endpoint, join(dir, 'state'))
      const bucket = `s3://bucket/${name}/`
      await killAndGoOn(when, () => startCopy(env, [join(dir, 'source'), bucket]))
      expect(await keys(`${name}/`)).toHaveLength(total + 1)
      await killAndGoOn(when, () => startCopy(env, [bucket, join(dir, name)]))
      expect(await look(join(dir, name))).toEqual(await look(join(dir, 'source')))
      expect((await readdir(join(dir, name))).filter((each) => each.startsWith('.'))).toEqual([])
    })
  })
})
