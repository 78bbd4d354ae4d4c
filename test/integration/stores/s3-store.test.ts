import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { listAll, quickRetry, readAll } from '../../helpers/move.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { storeContract } from '../../helpers/store-contract.ts'

describe('the S3 store on a real server', () => {
  let server: S3Server
  let store: ObjectStore
  let versioned: ObjectStore
  let secrets: string
  let buckets = 0
  const opened: ObjectStore[] = []
  const open = (bucket: string, more = {}) =>
    openS3Store(
      { bucket, endpoint: server.endpoint, region: server.region },
      { credentials: { from: 'Files', directory: secrets }, retry: quickRetry, ...more },
    )

  beforeAll(async () => {
    server = await startS3Server()
    secrets = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
    await writeFile(join(secrets, 'AWS_ACCESS_KEY_ID'), `${server.accessKey}\n`)
    await writeFile(join(secrets, 'AWS_SECRET_ACCESS_KEY'), server.secretKey)
    await server.createBucket('plain')
    await server.createBucket('versioned', { versioned: true })
    store = await open('plain', { pageSize: 3 })
    versioned = await open('versioned', { pageSize: 3 })
  })

  afterAll(async () => {
    await Promise.all([store, versioned, ...opened].map((each) => each?.close()))
    await server?.stop()
    if (secrets) await rm(secrets, { recursive: true, force: true })
  })

  const fresh = async (versioned: boolean) => {
    const bucket = `contract-${++buckets}`
    await server.createBucket(bucket, { versioned })
    const one = await open(bucket, { pageSize: 3 })
    opened.push(one)
    return one
  }
  describe('in a plain bucket', () => storeContract(() => fresh(false)))
  describe('in a bucket that keeps versions', () => storeContract(() => fresh(true), true))

  test('a key with a tab, and etags that are md5s', async () => {
    await store.put('odd/x\ty', Buffer.from('x'))
    const [found] = await listAll(store.list('odd/'))
    expect(found).toMatchObject({ key: 'odd/x\ty', etag: '9dd4e461268c8034f5c8564e155c67a6' })
  })

  test('a listing with versions gives the newest of each, and nothing that was deleted', async () => {
    for (const round of ['one', 'two'])
      for (const name of 'abcde') await versioned.put(`v/${name}`, Buffer.from(round + name))
    await versioned.remove(['v/c'])
    const found = await listAll(versioned.list('v/', { versions: true }))
    expect(found.map(({ key }) => key)).toEqual(['v/a', 'v/b', 'v/d', 'v/e'])
    expect(new Set(found.map(({ version }) => version)).size).toBe(4)
    await versioned.put('v/a', Buffer.from('three'))
    expect((await readAll(versioned, 'v/a', { version: found[0]!.version })).toString()).toBe('twoa')
    expect(await versioned.keepsVersions()).toBe(true)
    expect(await store.keepsVersions()).toBe(false)
  })

  test('the probe finds what the server can, and leaves nothing', async () => {
    const found = await store.probe('probe/')
    expect(found).toEqual({
      putIfAbsent: true,
      getIfMatch: true,
      multipartIfAbsent: true,
      versioning: false,
      checksums: true,
    })
    expect((await versioned.probe('probe/')).versioning).toBe(true)
    expect(await listAll(store.list('probe/'))).toEqual([])
  })

  test('failures are typed, and no message holds a secret', async () => {
    const wrong = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
    const directory = join(wrong, 'x')
    await mkdir(directory)
    const opened = () => open('plain', { credentials: { from: 'Files', directory } })
    await expect(opened()).rejects.toMatchObject({
      failure: 'no-credentials',
      message: expect.stringMatching(/AWS_ACCESS_KEY_ID/),
    })
    await writeFile(join(directory, 'AWS_ACCESS_KEY_ID'), server.accessKey)
    await expect(opened()).rejects.toMatchObject({
      failure: 'no-credentials',
      message: expect.stringMatching(/AWS_SECRET_ACCESS_KEY/),
    })
    await writeFile(join(directory, 'AWS_SECRET_ACCESS_KEY'), 'wrong-secret-value')
    const refused = await opened()
    const error = await listAll(refused.list('')).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ failure: 'credentials' })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/wrong-secret-value|Signature=/)
    await refused.close()
    const nowhere = await open('no-such-bucket')
    await expect(listAll(nowhere.list(''))).rejects.toMatchObject({ failure: 'no-bucket' })
    await nowhere.close()
    const anonymous = await open('plain', { credentials: { from: 'Anonymous' } })
    await expect(listAll(anonymous.list(''))).rejects.toMatchObject({ failure: 'denied' })
    await anonymous.close()
    const down = await openS3Store(
      { bucket: 'plain', endpoint: 'http://127.0.0.1:1' },
      { credentials: { from: 'Files', directory: secrets }, retry: quickRetry },
    )
    await expect(listAll(down.list(''))).rejects.toMatchObject({ failure: 'unreachable' })
    await down.close()
    await rm(wrong, { recursive: true })
  })
})
