import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { type MinioServer, startMinio } from '../../helpers/minio-server.ts'
import { listAll, quickRetry, readAll } from '../../helpers/move.ts'
import { storeContract } from '../../helpers/store-contract.ts'

describe.each([{ tls: false }, { tls: true }])('the S3 store on MinIO, TLS: $tls', ({ tls }) => {
  let server: MinioServer
  let secrets: string
  const opened: ObjectStore[] = []
  const open = async (bucket: string, versioned = false) => {
    await server.createBucket(bucket, { versioned })
    const credentials = { from: 'Files' as const, directory: secrets }
    const options = { credentials, caFile: server.caFile, retry: quickRetry, pageSize: 3 }
    const store = await openS3Store({ bucket, endpoint: server.endpoint }, options)
    opened.push(store)
    return store
  }

  beforeAll(async () => {
    server = await startMinio({ tls })
    secrets = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
    await writeFile(join(secrets, 'AWS_ACCESS_KEY_ID'), server.accessKey)
    await writeFile(join(secrets, 'AWS_SECRET_ACCESS_KEY'), server.secretKey)
  })
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()))
    await server?.stop()
    if (secrets) await rm(secrets, { recursive: true, force: true })
  })

  let buckets = 0
  // Without TLS in plain buckets, with it in such that keep versions.
  storeContract(() => open(`contract-${++buckets}`, tls), tls)

  test('versions: listed without a request per object, and read when they are not the newest', async () => {
    const store = await open('versioned', true)
    for (const round of ['one', 'two'])
      for (const name of 'abcde') await store.put(`v/${name}`, Buffer.from(round + name))
    await store.remove(['v/c'])
    const found = await listAll(store.list('v/', { versions: true }))
    expect(found.map(({ key }) => key)).toEqual(['v/a', 'v/b', 'v/d', 'v/e'])
    await store.put('v/a', Buffer.from('three'))
    expect((await readAll(store, 'v/a', { version: found[0]!.version })).toString()).toBe('twoa')
    expect(await store.keepsVersions()).toBe(true)
  })
})
