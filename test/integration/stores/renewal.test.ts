import { randomUUID } from 'node:crypto'
import { mkdtemp, open as openFile, readFile, rm, writeFile } from 'node:fs/promises'
import type { IncomingMessage } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { openGcsStore } from '../../../src/stores/gcs/store.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { type CloudIdentity, startCloudIdentity } from '../../helpers/cloud-identity.ts'
import { type GcsServer, startGcsServer } from '../../helpers/gcs-server.ts'
import { type MinioServer, startMinio } from '../../helpers/minio-server.ts'
import { pattern, quickRetry, readAll } from '../../helpers/move.ts'
import { serviceAccountKey } from '../../helpers/service-account.ts'
import { rangesOf } from '../../helpers/store-contract.ts'
import { startTokenGate, type TokenGate } from '../../helpers/token-gate.ts'

const bytes = pattern(19 * 1024 * 1024 + 5, 3)

/** Session tokens and bearer tokens that end while a big file is half over: the kubelet has put new ones into the Secret. */
describe('credentials that end in the middle of a transfer', () => {
  let dir: string
  let cloud: CloudIdentity
  let minio: MinioServer
  let gcs: GcsServer
  const gates: TokenGate[] = []
  const stores: ObjectStore[] = []
  /** Tokens that have ended. */
  const ended = new Set<string>()
  /** Tokens that were admitted, in the order in which they came first. */
  const used: string[] = []
  /** Requests for bytes still to be admitted before the token of the next one ends. */
  let left = Number.POSITIVE_INFINITY
  let replace: () => Promise<void> = async () => {}

  const admits = async (token: string, { method, headers }: IncomingMessage): Promise<boolean> => {
    const ofBytes = headers.range !== undefined || (method === 'PUT' && Number(headers['content-length']) > 1024 * 1024)
    if (ofBytes && left-- === 0) {
      await replace()
      ended.add(token)
    }
    if (ended.has(token)) return false
    if (!used.includes(token)) used.push(token)
    return true
  }
  const gateTo = async (target: string, kind: 's3' | 'gcs'): Promise<string> => {
    const gate = await startTokenGate(target, kind, admits)
    gates.push(gate)
    return gate.endpoint
  }
  const inFile = async (content: Buffer, work: (fd: number) => Promise<unknown>): Promise<Buffer> => {
    const path = join(dir, randomUUID())
    await writeFile(path, content)
    const file = await openFile(path, 'r+')
    try {
      await work(file.fd)
      return await readFile(path)
    } finally {
      await file.close()
      await rm(path)
    }
  }
  /** Down and up, and in each of them the token ends after the first request. */
  const endsTwice = async (store: ObjectStore) => {
    left = 1
    const file = await inFile(Buffer.alloc(0), (fd) => store.download('big', { fd }, { size: bytes.length }))
    expect(file.equals(bytes)).toBe(true)
    expect(ended.size).toBe(1)
    left = 1
    await inFile(bytes, (fd) => store.uploadFile('up', fd, { size: bytes.length }))
    expect(ended.size).toBe(2)
    expect(used).toHaveLength(3)
    expect((await readAll(store, 'up')).equals(bytes)).toBe(true)
  }

  beforeAll(async () => {
    dir = await mkdtemp(join(tmpdir(), 'granary-renewal-'))
    cloud = await startCloudIdentity()
    ;[minio, gcs] = await Promise.all([startMinio({ openid: cloud.openid }), startGcsServer()])
    await minio.createBucket('bucket')
    await gcs.createBucket('bucket')
  })
  beforeEach(() => {
    ended.clear()
    used.length = 0
    left = Number.POSITIVE_INFINITY
  })
  afterAll(async () => {
    await Promise.all(stores.map((store) => store.close()))
    await Promise.all(gates.map((gate) => gate.stop()))
    await Promise.all([minio?.stop(), gcs?.stop(), cloud?.stop()])
    if (dir) await rm(dir, { recursive: true, force: true })
  })

  test('a session token of S3', async () => {
    const agent = cloud.podIdentity(minio.endpoint)
    const authorization = await readFile(agent.AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE!, 'utf8')
    replace = async () => {
      const answer = await fetch(agent.AWS_CONTAINER_CREDENTIALS_FULL_URI!, { headers: { authorization } })
      const keys = (await answer.json()) as { AccessKeyId: string; SecretAccessKey: string; Token: string }
      await writeFile(join(dir, 'AWS_ACCESS_KEY_ID'), keys.AccessKeyId)
      await writeFile(join(dir, 'AWS_SECRET_ACCESS_KEY'), keys.SecretAccessKey)
      await writeFile(join(dir, 'AWS_SESSION_TOKEN'), keys.Token)
    }
    await replace()
    const credentials = { from: 'Files' as const, directory: dir }
    const endpoint = await gateTo(minio.endpoint, 's3')
    const store = await openS3Store({ bucket: 'bucket', endpoint }, { credentials, retry: quickRetry })
    stores.push(store)
    await store.upload('big', bytes.length, rangesOf(bytes))
    await endsTwice(store)
  })

  test('a bearer token of Google', async () => {
    replace = () => writeFile(join(dir, 'service-account.json'), serviceAccountKey().json)
    await replace()
    const credentials = { from: 'Files' as const, directory: dir }
    const endpoint = await gateTo(gcs.endpoint, 'gcs')
    const store = await openGcsStore({ bucket: 'bucket', endpoint }, { credentials, retry: quickRetry })
    stores.push(store)
    await store.upload('big', bytes.length, rangesOf(bytes))
    await endsTwice(store)
  })
})
