import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { type AddressInfo, connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createServer, type Server } from 'node:tls'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { certificatePaths, createAuthority, createCertificate } from '../../../scripts/cluster/certs.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { listAll, type Moving, pattern, quickRetry, readAll, startMoving } from '../../helpers/move.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { rangesOf, storeContract } from '../../helpers/store-contract.ts'

describe('an S3 store whose certificate an own authority signed', () => {
  let server: S3Server
  let moving: Moving
  let front: Server
  let dir: string
  const opened: ObjectStore[] = []

  beforeAll(async () => {
    server = await startS3Server()
    moving = await startMoving(server)
    await server.createBucket('bucket')
    dir = await mkdtemp(join(tmpdir(), 'granary-tls-'))
    await createAuthority(dir)
    await createCertificate(dir, { name: 's3', commonName: 's3', alternativeNames: ['IP:127.0.0.1'] })
    const { certificate, key } = certificatePaths(dir, 's3')
    const { port } = new URL(server.endpoint)
    front = createServer({ cert: await readFile(certificate), key: await readFile(key) }, (socket) => {
      const upstream = connect(Number(port), '127.0.0.1')
      for (const end of [socket, upstream]) end.on('error', () => [socket, upstream].map((each) => each.destroy()))
      socket.pipe(upstream).pipe(socket)
    })
    await new Promise<void>((listening) => front.listen(0, '127.0.0.1', listening))
  })
  afterAll(async () => {
    await Promise.all(opened.map((store) => store.close()))
    front?.close()
    await moving?.stop()
    await server?.stop()
    if (dir) await rm(dir, { recursive: true, force: true })
  })

  const open = async (caFile?: string, bucket = 'bucket') => {
    const endpoint = `https://127.0.0.1:${(front.address() as AddressInfo).port}`
    const credentials = { from: 'Files' as const, directory: join(moving.credentialsDir, 's3') }
    const store = await openS3Store({ bucket, endpoint }, { credentials, caFile, retry: quickRetry })
    opened.push(store)
    return store
  }

  test('is trusted with that authority, and everything works', async () => {
    const store = await open(join(dir, 'ca.crt'))
    const bytes = pattern(9 * 1024 * 1024)
    await store.put('small', Buffer.from('small'))
    await store.upload('big', bytes.length, rangesOf(bytes))
    expect((await readAll(store, 'big')).equals(bytes)).toBe(true)
    expect((await listAll(store.list(''))).map(({ key }) => key)).toEqual(['big', 'small'])
  })

  let buckets = 0
  storeContract(async () => {
    const bucket = `contract-${++buckets}`
    await server.createBucket(bucket)
    return open(join(dir, 'ca.crt'), bucket)
  })

  test('is refused without, at once and with a sentence', async () => {
    const store = await open()
    const message = expect.stringContaining('caConfigMapName')
    const bytes = Buffer.alloc(1)
    await expect(store.download('small', { bytes }, { size: 1 })).rejects.toMatchObject({
      failure: 'unreachable',
      message,
    })
    await expect(listAll(store.list(''))).rejects.toMatchObject({ failure: 'unreachable', message })
  })

  test('an authority that is not there is said before anything is asked', async () => {
    await expect(open(join(dir, 'none.crt'))).rejects.toMatchObject({ failure: 'no-credentials' })
  })
})
