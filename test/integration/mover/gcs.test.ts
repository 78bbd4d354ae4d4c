import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { MoveLocation } from '../../../src/api/move.ts'
import { exitCodes } from '../../../src/api/move-result.ts'
import type { DoneOf, SpecOf } from '../../../src/mover/deps.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openStore } from '../../../src/stores/open.ts'
import { type FaultyProxy, startFaultyProxy } from '../../helpers/faulty-proxy.ts'
import { type GcsServer, startGcsServer } from '../../helpers/gcs-server.ts'
import { pattern, quickRetry, readAll } from '../../helpers/move.ts'
import { type MoverEnd, type MoverPod, moverPod } from '../../helpers/mover-process.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { serviceAccountKey } from '../../helpers/service-account.ts'
import { rangesOf } from '../../helpers/store-contract.ts'

const MiB = 1024 * 1024
const key = serviceAccountKey()

describe('the mover program and Google Cloud Storage', () => {
  let server: GcsServer
  let proxy: FaultyProxy
  let s3: S3Server
  let pod: MoverPod
  let bucket: ObjectStore
  const ends: MoverEnd[] = []

  const gcs = (name: string, prefix: string, bucketName: string, endpoint = server.endpoint): MoveLocation => ({
    name,
    gcs: { bucket: bucketName, endpoint },
    prefix,
    credentials: 'Files',
  })
  const run = async (spec: SpecOf<'Import'> | SpecOf<'Populate'> | SpecOf<'Probe'> | SpecOf<'Mirror'>) => {
    const end = await pod.run(spec)
    ends.push(end)
    return end
  }
  const importing = (more: Partial<SpecOf<'Import'>>): SpecOf<'Import'> => ({
    op: 'Import',
    dataset: { namespace: 'team', name: 'm', uid: 'uid-1' },
    store: gcs('store', 'granary/team/m/', 'store'),
    source: gcs('source', 'public/', 'source'),
    mode: 'Auto',
    intent: { sequence: 1, createdAt: '2026-11-21T12:00:00Z' },
    ...more,
  })

  beforeAll(async () => {
    ;[server, s3] = await Promise.all([startGcsServer(), startS3Server()])
    proxy = await startFaultyProxy(server.endpoint)
    await server.createBucket('source', { versioned: true })
    await server.createBucket('store')
    await s3.createBucket('store')
    pod = await moverPod({
      source: { 'service-account.json': key.json },
      store: { 'service-account.json': key.json },
      destination: { 'service-account.json': key.json },
      s3: { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey },
    })
    const deps = { credentialsDir: '', caDir: '', retry: quickRetry }
    bucket = await openStore(deps, { ...gcs('source', '', 'source'), credentials: 'Anonymous' })
    await bucket.put('public/a b/ü.txt', Buffer.from('one'))
    await bucket.upload('public/big.bin', 9 * MiB, rangesOf(pattern(9 * MiB)))
  })
  afterAll(async () => {
    await bucket?.close()
    await pod?.remove()
    await proxy?.stop()
    await Promise.all([server?.stop(), s3?.stop()])
  })

  const populated = async (path: string) => readFile(join(pod.data, path))

  test('imports by reference to generations, and fills a volume with them though the bucket has moved on', async () => {
    const end = await run(importing({}))
    expect(end.code, end.output).toBe(exitCodes.done)
    const done = end.result as DoneOf<'Import'>
    expect(done).toMatchObject({ outcome: 'Committed', files: 2, mode: 'Reference' })
    await bucket.put('public/a b/ü.txt', Buffer.from('changed since'))
    const { store, source } = importing({})
    const version = { sequence: 1, root: done.root, digest: done.digest }
    const filled = await run({ op: 'Populate', store, source, version, modes: 'Working' })
    expect(filled.result, filled.output).toEqual({ op: 'Populate', outcome: 'Done', files: 2, bytes: 9 * MiB + 3 })
    expect((await populated('a b/ü.txt')).toString()).toBe('one')
    expect((await populated('big.bin')).equals(pattern(9 * MiB))).toBe(true)
  })

  test('copies from there into an S3 store, and mirrors back', async () => {
    const store: MoveLocation = {
      name: 's3',
      s3: { bucket: 'store', endpoint: s3.endpoint },
      prefix: 'granary/team/m/',
      credentials: 'Files',
    }
    const end = await run(importing({ store, mode: 'Copy' }))
    expect(end.code, end.output).toBe(exitCodes.done)
    const { root, digest } = end.result as DoneOf<'Import'>
    const destination = gcs('destination', 'mirror/', 'source')
    const version = { sequence: 1, root, digest }
    const mirrored = await run({ op: 'Mirror', store, version, destination, prune: false, onConflict: 'Fail' })
    expect(mirrored.result, mirrored.output).toMatchObject({ outcome: 'Done', written: 2 })
    expect((await readAll(bucket, 'mirror/big.bin')).equals(pattern(9 * MiB))).toBe(true)
  })

  test('the probe says what a bucket can', async () => {
    const end = await run({ op: 'Probe', locations: [gcs('store', 'granary/', 'store'), gcs('source', '', 'none')] })
    const can = { putIfAbsent: true, getIfMatch: true, multipartIfAbsent: true, versioning: false, checksums: true }
    expect((end.result as DoneOf<'Probe'>).locations).toEqual([
      can,
      { reason: 'SourceNotFound', message: expect.stringContaining('gs://none') },
    ])
  })

  test('failures say what is wrong; nothing that any of these movers printed holds a secret', async () => {
    const second = (source: MoveLocation) =>
      run(importing({ source, intent: { sequence: 2, createdAt: '2026-11-21T12:00:00Z' } }))
    for (const status of [403, 401]) {
      proxy.plan({ match: {}, fault: { kind: 'status', status } })
      const refused = await second(gcs('source', 'public/', 'source', proxy.endpoint))
      expect(refused).toMatchObject({ code: exitCodes.credentials, result: { reason: 'CredentialsDenied' } })
    }
    const missing = await second(gcs('nobody', 'public/', 'source'))
    expect(missing).toMatchObject({ code: exitCodes.credentials, result: { reason: 'CredentialsMissing' } })

    expect(ends.length).toBeGreaterThan(6)
    const secrets = [
      ...key.privateKey.split('\n').filter((line) => line !== '' && !line.startsWith('-----')),
      ...JSON.parse(key.json).private_key_id.split('\n'),
      s3.secretKey,
      'Bearer ',
      'upload_id',
    ]
    for (const { output, text } of ends) for (const secret of secrets) expect(output + text).not.toContain(secret)
  })
})
