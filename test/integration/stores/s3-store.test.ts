import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { ListMultipartUploadsCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ListedObject, ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'

const MiB = 1024 * 1024
const quick = { attempts: 4, base: 5, cap: 20 }

/** Bytes that differ everywhere, the same for the same size. */
const pattern = (size: number): Buffer => {
  const bytes = Buffer.alloc(size)
  for (let i = 0; i < size; i++) bytes[i] = (i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff
  return bytes
}
const from =
  (bytes: Buffer) =>
  (offset: number, length: number): Readable =>
    Readable.from([bytes.subarray(offset, offset + length)], { objectMode: false })
const all = async (list: AsyncIterable<ListedObject>) => {
  const found: ListedObject[] = []
  for await (const object of list) found.push(object)
  return found
}
const read = async (store: ObjectStore, key: string, options = {}) =>
  Buffer.concat(await (await store.get(key, options)).body.toArray())

describe('the S3 store on a real server', () => {
  let server: S3Server
  let store: ObjectStore
  let versioned: ObjectStore
  let secrets: string
  const open = (bucket: string, more = {}) =>
    openS3Store(
      { bucket, endpoint: server.endpoint, region: server.region },
      { credentials: { from: 'Files', directory: secrets }, retry: quick, ...more },
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
    await Promise.all([store?.close(), versioned?.close()])
    await server?.stop()
    if (secrets) await rm(secrets, { recursive: true, force: true })
  })

  test('what is put comes back, whole and in ranges', async () => {
    const bytes = pattern(3 * MiB)
    await store.put('get/a', bytes)
    expect((await read(store, 'get/a')).equals(bytes)).toBe(true)
    expect(await read(store, 'get/a', { range: { offset: 1000, length: 5 } })).toEqual(bytes.subarray(1000, 1005))
    expect(await read(store, 'get/a', { range: { offset: bytes.length - 2, length: 2 } })).toEqual(bytes.subarray(-2))
    await store.put('get/empty', Buffer.alloc(0))
    expect(await read(store, 'get/empty')).toEqual(Buffer.alloc(0))
    expect((await store.head('get/a'))?.size).toBe(bytes.length)
    expect(await store.head('get/none')).toBeUndefined()
    await expect(store.get('get/none')).rejects.toMatchObject({ failure: 'not-found', key: 'get/none' })
  })

  test('listings come in the order of the bytes, over pages', async () => {
    const names = [
      'a',
      'a b',
      'a+b',
      'a-b',
      'a.b/c',
      'a/b',
      'a0',
      'b%20c',
      'é',
      '\u{10000}',
      '\uffee',
      'x\ty',
      '日本/語',
    ]
    for (const name of names) await store.put(`list/${name}x`, Buffer.from(name))
    const sorted = names.map((name) => `list/${name}x`).sort((x, y) => Buffer.compare(Buffer.from(x), Buffer.from(y)))
    expect((await all(store.list('list/'))).map(({ key }) => key)).toEqual(sorted)
    const rest = await all(store.list('list/', { startAfter: sorted[4]! }))
    expect(rest.map(({ key }) => key)).toEqual(sorted.slice(5))
    expect(rest[0]).toMatchObject({ size: expect.any(Number), etag: expect.stringMatching(/^[0-9a-f]{32}$/) })
  })

  test('a listing with versions gives the newest of each, and nothing that was deleted', async () => {
    for (const round of ['one', 'two'])
      for (const name of 'abcde') await versioned.put(`v/${name}`, Buffer.from(round + name))
    await versioned.remove(['v/c'])
    const found = await all(versioned.list('v/', { versions: true }))
    expect(found.map(({ key }) => key)).toEqual(['v/a', 'v/b', 'v/d', 'v/e'])
    expect(new Set(found.map(({ version }) => version)).size).toBe(4)
    await versioned.put('v/a', Buffer.from('three'))
    expect((await read(versioned, 'v/a', { version: found[0]!.version })).toString()).toBe('twoa')
    expect(await versioned.keepsVersions()).toBe(true)
    expect(await store.keepsVersions()).toBe(false)
  })

  test('conditions: what is there is not overwritten, what changed is not read', async () => {
    const { etag } = await store.put('cond/a', Buffer.from('one'), { ifAbsent: true })
    await expect(store.put('cond/a', Buffer.from('two'), { ifAbsent: true })).rejects.toMatchObject({
      failure: 'exists',
    })
    await store.put('cond/a', Buffer.from('two'), { ifMatch: etag! })
    await expect(store.put('cond/a', Buffer.from('three'), { ifMatch: etag! })).rejects.toMatchObject({
      failure: 'changed',
    })
    await expect(store.get('cond/a', { ifMatch: etag! })).rejects.toMatchObject({ failure: 'changed' })
    expect((await read(store, 'cond/a')).toString()).toBe('two')
  })

  test('a big object goes up in parts and comes back', async () => {
    const bytes = pattern(20 * MiB + 17)
    const info = await store.upload('up/big', bytes.length, from(bytes))
    expect(info).toMatchObject({ size: bytes.length, etag: expect.stringMatching(/-3$/) })
    expect((await read(store, 'up/big')).equals(bytes)).toBe(true)
    await expect(store.upload('up/big', bytes.length, from(bytes), { ifAbsent: true })).rejects.toMatchObject({
      failure: 'exists',
    })
  })

  test('an upload whose source ends early leaves no parts', async () => {
    const short = (offset: number, length: number) => from(pattern(10 * MiB))(offset, length)
    await expect(store.upload('up/short', 12 * MiB, short)).rejects.toMatchObject({ failure: 'changed' })
    const left = await server.client.send(new ListMultipartUploadsCommand({ Bucket: 'plain' }))
    expect(left.Uploads ?? []).toEqual([])
    expect(await store.head('up/short')).toBeUndefined()
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
    expect(await all(store.list('probe/'))).toEqual([])
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
    const error = await all(refused.list('')).catch((thrown: Error) => thrown)
    expect(error).toMatchObject({ failure: 'credentials' })
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/wrong-secret-value|Signature=/)
    await refused.close()
    const nowhere = await open('no-such-bucket')
    await expect(all(nowhere.list(''))).rejects.toMatchObject({ failure: 'no-bucket' })
    await nowhere.close()
    const anonymous = await open('plain', { credentials: { from: 'Anonymous' } })
    await expect(all(anonymous.list(''))).rejects.toMatchObject({ failure: 'denied' })
    await anonymous.close()
    const down = await openS3Store(
      { bucket: 'plain', endpoint: 'http://127.0.0.1:1' },
      { credentials: { from: 'Files', directory: secrets }, retry: quick },
    )
    await expect(all(down.list(''))).rejects.toMatchObject({ failure: 'unreachable' })
    await down.close()
    await rm(wrong, { recursive: true })
  })

  test('removing takes any number, and what is not there is fine', async () => {
    await store.put('rm/a', Buffer.from('a'))
    await store.remove(['rm/a', 'rm/b'])
    expect(await all(store.list('rm/'))).toEqual([])
  })
})
