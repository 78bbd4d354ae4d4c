import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type GcsStoreOptions, openGcsStore } from '../../../src/stores/gcs/store.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { type GcsServer, startGcsServer } from '../../helpers/gcs-server.ts'
import { listAll, pattern, quickRetry, readAll } from '../../helpers/move.ts'
import { serviceAccountKey } from '../../helpers/service-account.ts'
import { rangesOf, storeContract } from '../../helpers/store-contract.ts'

/*
 * fake-gcs-server is not the real thing. What it does otherwise, and what follows for these tests:
 * - It looks at no credentials: that they are sent, signed and renewed is tested in front of it (identities.test.ts).
 * - A download ignores ifGenerationMatch; the store compares the generation of the answer itself, which is what is tested here.
 * - Answers to a download or an upload in a bucket that does not exist don't say that it is the bucket.
 * - It never asks to slow down and loses no connection: faults come from a proxy (gcs-faults.test.ts).
 * - Asked how far an upload is, it finishes it with what it has: in front of it stands somebody who knows (resumable-status.ts).
 */
describe('the Google Cloud Storage store on a server that speaks its API', () => {
  let server: GcsServer
  let store: ObjectStore
  let versioned: ObjectStore
  let secrets: string
  const opened: ObjectStore[] = []
  const open = async (bucket: string, more: Partial<GcsStoreOptions> = {}, endpoint = server.endpoint) => {
    const credentials = { from: 'Files' as const, directory: secrets }
    const one = await openGcsStore({ bucket, endpoint }, { credentials, retry: quickRetry, pageSize: 3, ...more })
    opened.push(one)
    return one
  }

  beforeAll(async () => {
    server = await startGcsServer()
    secrets = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
    await writeFile(join(secrets, 'service-account.json'), serviceAccountKey().json)
    await server.createBucket('plain')
    await server.createBucket('versioned', { versioned: true })
    store = await open('plain')
    versioned = await open('versioned')
  })

  afterAll(async () => {
    await Promise.all(opened.map((each) => each.close()))
    await server?.stop()
    if (secrets) await rm(secrets, { recursive: true, force: true })
  })

  let buckets = 0
  const fresh = async (endpoint: string, more = {}, versioned = false) => {
    const bucket = `contract-${++buckets}`
    await server.createBucket(bucket, { versioned })
    return open(bucket, more, endpoint)
  }
  describe('in a plain bucket', () => storeContract(() => fresh(server.endpoint)))
  describe('in a bucket that keeps generations', () => storeContract(() => fresh(server.endpoint, {}, true), true))

  describe('over TLS with an authority of its own', () => {
    storeContract(() => fresh(server.secureEndpoint, { caFile: server.caFile }))

    test('is refused without that authority, at once and with a sentence', async () => {
      const distrusting = await open('plain', {}, server.secureEndpoint)
      const message = expect.stringContaining('caConfigMapName')
      await expect(listAll(distrusting.list(''))).rejects.toMatchObject({ failure: 'unreachable', message })
    })
  })

  test('generations: listed without a request per object, read when they are not the newest, and the etag of each state', async () => {
    for (const round of ['one', 'two'])
      for (const name of 'abcde') await versioned.put(`v/${name}`, Buffer.from(round + name))
    await versioned.remove(['v/c'])
    const found = await listAll(versioned.list('v/', { versions: true }))
    expect(found.map(({ key }) => key)).toEqual(['v/a', 'v/b', 'v/d', 'v/e'])
    expect(new Set(found.map(({ version }) => version)).size).toBe(4)
    for (const { version, etag } of found) expect(version).toBe(etag)
    await versioned.put('v/a', Buffer.from('three'))
    const version = found[0]!.version!
    expect((await readAll(versioned, 'v/a', { version })).toString()).toBe('twoa')
    expect(await versioned.head('v/a', { version })).toMatchObject({ size: 4, version })
    const range = { offset: 1, length: 2 }
    expect((await readAll(versioned, 'v/a', { version, range })).toString()).toBe('wo')
    expect(await versioned.head('v/a', { version: '1' })).toBeUndefined()
    await expect(versioned.get('v/a', { version: '1' })).rejects.toMatchObject({ failure: 'not-found' })
    expect(await versioned.keepsVersions()).toBe(true)
    expect((await versioned.probe('probe/')).versioning).toBe(true)
  })

  test('what the store knows of the bytes: md5 and crc32c', async () => {
    await store.put('sums/a', Buffer.from('123456789'))
    expect((await store.head('sums/a'))?.checksums).toEqual({
      md5: '25f9e794323b453885f5181f1b624d0b',
      crc32c: 'e3069283',
    })
    expect((await store.probe('probe/')).checksums).toBe(true)
  })

  test('an upload of many pieces; its condition holds to the end', async () => {
    const bytes = pattern(35 * 1024 * 1024 + 1)
    const { etag } = await store.upload('pieces', bytes.length, rangesOf(bytes), { ifAbsent: true })
    expect((await readAll(store, 'pieces')).equals(bytes)).toBe(true)
    const other = pattern(20 * 1024 * 1024, 3)
    const late = store.upload('pieces', other.length, rangesOf(other), { ifMatch: '12345' })
    await expect(late).rejects.toMatchObject({ failure: 'changed' })
    await store.upload('pieces', other.length, rangesOf(other), { ifMatch: etag! })
    expect((await readAll(store, 'pieces')).equals(other)).toBe(true)
  })

  test('failures are typed, and no message holds a secret', async () => {
    const wrong = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
    const directory = join(wrong, 'x')
    await mkdir(directory)
    const file = join(directory, 'service-account.json')
    const opening = () => open('plain', { credentials: { from: 'Files', directory } })
    const message = expect.stringMatching(/service-account\.json/)
    await expect(opening()).rejects.toMatchObject({ failure: 'no-credentials', message })
    await writeFile(file, 'no json, but a secret')
    await expect(opening()).rejects.toMatchObject({
      failure: 'no-credentials',
      message: expect.not.stringMatching(/a secret/),
    })
    await writeFile(
      file,
      serviceAccountKey().json.replace(/BEGIN PRIVATE KEY-----\\n..../, 'BEGIN PRIVATE KEY-----\\nxxxx'),
    )
    const broken = await opening()
    await expect(listAll(broken.list(''))).rejects.toMatchObject({ failure: 'no-credentials', message })
    const nowhere = await open('no-such-bucket')
    await expect(listAll(nowhere.list(''))).rejects.toMatchObject({ failure: 'no-bucket' })
    await expect(nowhere.put('a', Buffer.from('a'))).rejects.toMatchObject({ failure: 'no-bucket' })
    await expect(nowhere.keepsVersions()).rejects.toMatchObject({ failure: 'no-bucket' })
    const anonymous = await open('plain', { credentials: { from: 'Anonymous' } })
    await anonymous.put('anonymous', Buffer.from('a'))
    const down = await open('plain', {}, 'http://127.0.0.1:1')
    await expect(listAll(down.list(''))).rejects.toMatchObject({ failure: 'unreachable' })
    await rm(wrong, { recursive: true })
  })
})
