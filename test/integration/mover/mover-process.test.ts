import { chmod, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { exitCodes, maxResultBytes } from '../../../src/api/move-result.ts'
import type { DoneOf, SpecOf } from '../../../src/mover/deps.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import type { Match } from '../../helpers/faults.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { listAll, type Moving, pattern, startMoving } from '../../helpers/move.ts'
import { type MoverPod, moverPod } from '../../helpers/mover-process.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { look, plant } from '../../helpers/tree.ts'

const MiB = 1024 * 1024
const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`many/${String(i).padStart(3, '0')}`, `${i}`]))
const files = {
  ...many,
  'big.bin': pattern(18 * MiB + 5),
  'd/e/f': 'deep',
  'd/empty': '',
  'd/link': { link: '../run' },
  'spaces and %25 + ü 😀': 'x',
  run: { executable: '#!/bin/sh' },
}
const total = Object.keys(files).length

describe('the mover program on a real S3 server', () => {
  let server: S3Server
  let proxy: FaultyProxy
  let moving: Moving
  let store: ObjectStore
  let pod: MoverPod
  let other: MoverPod
  let round = 0
  let prefix: string

  const podOf = (secretKey: string) =>
    moverPod({ s3: { AWS_ACCESS_KEY_ID: server.accessKey, AWS_SECRET_ACCESS_KEY: secretKey } })

  beforeAll(async () => {
    server = await startS3Server()
    proxy = await startFaultyProxy(server.endpoint)
    moving = await startMoving(server)
    await server.createBucket('store')
    store = await moving.open(moving.location('store'))
  })
  beforeEach(async () => {
    prefix = `granary/team/m${++round}/`
    proxy.plan()
    pod = await podOf(server.secretKey)
    other = await podOf(server.secretKey)
  })
  afterEach(async () => {
    await pod.remove()
    await other.remove()
  })
  afterAll(async () => {
    await moving?.stop()
    await proxy?.stop()
    await server?.stop()
  })

  const finalizing = (endpoint = proxy.endpoint): SpecOf<'Finalize'> => ({
    op: 'Finalize',
    dataset: { namespace: 'team', name: `m${round}`, uid: 'uid-1' },
    store: moving.location('store', prefix, endpoint),
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z', producer: { job: 'train' } },
  })
  const populating = (version: SpecOf<'Populate'>['version']): SpecOf<'Populate'> => ({
    op: 'Populate',
    store: moving.location('store', prefix, proxy.endpoint),
    version,
    modes: 'Working',
  })
  const objects = async () => {
    const found = await listAll(store.list(prefix))
    return Object.fromEntries(found.map(({ key, size, etag }) => [key.slice(prefix.length), `${size} ${etag}`]))
  }
  const unfinished = async () =>
    (await server.client.send(new ListMultipartUploadsCommand({ Bucket: 'store' }))).Uploads ?? []

  test('a tree becomes a version and comes back byte for byte; no secret is printed', async () => {
    await plant(pod.data, files)
    const end = await pod.run(finalizing())
    expect(end.code, end.output).toBe(exitCodes.done)
    const done = end.result as DoneOf<'Finalize'>
    expect(done).toMatchObject({ op: 'Finalize', outcome: 'Committed', sequence: 1, files: total })
    const filled = await other.run(populating({ sequence: 1, root: done.root, digest: done.digest }))
    expect(filled.result).toEqual({ op: 'Populate', outcome: 'Done', files: total, bytes: done.bytes })
    const modes = /^(\d+)( |$)/
    const bare = async (dir: string) =>
      Object.entries(await look(dir)).map(([path, seen]) => [path, seen.replace(modes, '')])
    expect(await bare(other.data)).toEqual(await bare(pod.data))
    expect((await look(other.data)).run).toMatch(/^777/)
    for (const { output, text } of [end, filled]) expect(output + text).not.toContain(server.secretKey)
    expect(Buffer.byteLength(end.text)).toBeLessThanOrEqual(maxResultBytes)
  })

  /** Runs a mover and kills it with kill -9 when the request of that kind arrives; the request itself never gets through. */
  const killAt = async (match: Match, start: () => ReturnType<MoverPod['start']>) => {
    let mover: ReturnType<MoverPod['start']> | undefined
    const run = async () => {
      mover!.kill('SIGKILL')
      await mover!.ended
    }
    proxy.plan({ match, fault: { kind: 'before', run } })
    mover = start()
    const end = await mover.ended
    expect(end.code, end.output).toBeNull()
    proxy.plan()
  }

  test.each([
    ['a part of a big file', { method: 'PUT', key: /big\.bin/, query: /partNumber=2/ }],
    ['a journal', { method: 'PUT', key: /uploads\//, nth: 2 }],
    ['the record', { method: 'PUT', key: /versions\// }],
    ['the sweep', { method: 'POST', query: /^delete/ }],
  ] satisfies [string, Match][])(
    'Finalize, killed at %s: the next attempt finishes and leaves nothing',
    async (_, match) => {
      await plant(pod.data, files)
      await killAt(match, () => pod.start(finalizing()))
      const end = await pod.run(finalizing())
      expect(end.code, end.output).toBe(exitCodes.done)
      const done = end.result as DoneOf<'Finalize'>
      const plain = Object.keys(files).filter((path) => path !== 'd/link')
      const left = Object.keys(await objects()).map((key) => key.replace(/^manifests\/[0-9a-f]{64}\./, 'manifests/*.'))
      const record = ['LAYOUT.json', 'manifests/*.ndjson.gz', `roots/${done.root}.json`, 'versions/v1.json']
      expect(left.sort()).toEqual([...plain.map((path) => `data/v1/${path}`), ...record].sort())
      expect(done.files).toBe(total)
      expect(await unfinished()).toEqual([])
    },
  )

  test('after kill -9 the journaled files are not uploaded again', async () => {
    await plant(pod.data, files)
    await killAt({ method: 'PUT', key: /data\/.*many\/14\d/ }, () => pod.start(finalizing()))
    const end = await pod.run(finalizing())
    expect(end.code, end.output).toBe(exitCodes.done)
    const puts = proxy.log.filter(({ method, key }) => method === 'PUT' && key.includes('/data/'))
    expect(puts.some(({ key }) => key.includes('big.bin'))).toBe(false)
    // A chunk of 64 lines was written down; as many files as a store gets at once, 64 at most, may have been under way.
    expect(puts.length).toBeLessThanOrEqual(total - 64)
  })

  test('Populate, killed while it reads: the next attempt fills the volume and leaves nothing', async () => {
    await plant(pod.data, files)
    const { root, digest } = (await pod.run(finalizing(server.endpoint))).result as DoneOf<'Finalize'>
    const spec = populating({ sequence: 1, root, digest })
    await killAt({ method: 'GET', key: /data\/.*many\/100/ }, () => other.start(spec))
    expect(Object.keys(await look(other.data)).some((name) => name.startsWith('.granary'))).toBe(true)
    await rm(join(other.data, 'many/007'))
    const end = await other.run(spec)
    expect(end.code, end.output).toBe(exitCodes.done)
    const reads = proxy.log.filter(({ key }) => key.includes('/data/')).map(({ key }) => key)
    expect(reads).toContain(`${prefix}data/v1/many/007`)
    expect(reads).not.toContain(`${prefix}data/v1/many/001`)
    expect(Object.keys(await look(other.data)).sort()).toEqual([...Object.keys(files), 'd/', 'd/e/', 'many/'].sort())
  })

  test('told to stop, it ends soon, says so, and leaves no parts', async () => {
    await plant(pod.data, files)
    let mover: ReturnType<MoverPod['start']> | undefined
    const run = async () => mover!.kill('SIGTERM')
    proxy.plan(
      { match: { method: 'PUT', key: /big\.bin/, query: /partNumber=1/ }, fault: { kind: 'before', run } },
      { match: { method: 'PUT', key: /big\.bin/ }, fault: { kind: 'stall', after: 0 } },
    )
    mover = pod.start(finalizing())
    const end = await mover.ended
    expect(end.code, end.output).toBe(exitCodes.transient)
    expect(end.result).toMatchObject({
      outcome: 'Failed',
      op: 'Finalize',
      message: expect.stringContaining('told to stop'),
    })
    expect(await unfinished()).toEqual([])
  })

  test('a wrong secret key: refused, typed, and printed nowhere', async () => {
    const secret = 'wrong/secret+value/0123456789abcdefghij'
    const wrong = await podOf(secret)
    try {
      await plant(wrong.data, { a: 'a' })
      const end = await wrong.run(finalizing())
      expect(end.code, end.output).toBe(exitCodes.credentials)
      expect(end.result).toMatchObject({ outcome: 'Failed', reason: 'CredentialsDenied' })
      expect(end.output + end.text).not.toMatch(/wrong\/secret|Signature=/)
    } finally {
      await wrong.remove()
    }
  })

  test('a file that it may not read is named, with what to write', async () => {
    await plant(pod.data, { 'a/fine': '', 'a/hidden': 'secret', b: '' })
    await chmod(join(pod.data, 'a/hidden'), 0)
    // Root reads everything unless this right is taken from it.
    const asUser = ['--bounding-set', '-dac_override,-dac_read_search', '--inh-caps', '-dac_override,-dac_read_search']
    const end = await pod.run(finalizing(), process.getuid?.() === 0 ? asUser : [])
    expect(end.code, end.output).toBe(exitCodes.unreadable)
    expect(end.result).toMatchObject({ reason: 'UnreadableFiles', names: ['a/hidden'] })
    expect(end.text).toContain('granary.dev/privileged-movers')
    expect(await objects()).toEqual({ 'LAYOUT.json': expect.any(String), 'uploads/v1/turn.json': expect.any(String) })
  })

  test('a spec that it does not know', async () => {
    const end = await pod.run({ op: 'Juggle' } as never)
    expect(end.code, end.output).toBe(exitCodes.invalid)
    expect(end.result).toMatchObject({ op: 'Unknown', reason: 'InvalidSpec' })
  })
})
