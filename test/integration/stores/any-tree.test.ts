import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { openGcsStore } from '../../../src/stores/gcs/store.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { openS3Store } from '../../../src/stores/s3/store.ts'
import { LocalTarget } from '../../../src/transfer/sync/local-target.ts'
import { anyTree, copyTree, plantTree, seenTree } from '../../helpers/any-tree.ts'
import { startGcsServer } from '../../helpers/gcs-server.ts'
import { startMinio } from '../../helpers/minio-server.ts'
import { quickRetry } from '../../helpers/move.ts'
import { startS3Server } from '../../helpers/s3-server.ts'

interface Server {
  store: ObjectStore
  stop(): Promise<void>
}

const openBucket = async (server: {
  endpoint: string
  accessKey: string
  secretKey: string
  createBucket(name: string): Promise<void>
  stop(): Promise<void>
}): Promise<Server> => {
  const directory = await mkdtemp(join(tmpdir(), 'granary-secrets-'))
  await writeFile(join(directory, 'AWS_ACCESS_KEY_ID'), server.accessKey)
  await writeFile(join(directory, 'AWS_SECRET_ACCESS_KEY'), server.secretKey)
  await server.createBucket('bucket')
  const how = { credentials: { from: 'Files' as const, directory }, retry: quickRetry }
  const store = await openS3Store({ bucket: 'bucket', endpoint: server.endpoint }, how)
  const stop = async () => {
    await store.close()
    await server.stop()
    await rm(directory, { recursive: true })
  }
  return { store, stop }
}

const openGcs = async (): Promise<Server> => {
  const server = await startGcsServer()
  await server.createBucket('bucket')
  const how = { credentials: { from: 'Anonymous' as const }, retry: quickRetry }
  const store = await openGcsStore({ bucket: 'bucket', endpoint: server.endpoint }, how)
  const stop = async () => {
    await store.close()
    await server.stop()
  }
  return { store, stop }
}

/** Whether a file can come where there was a directory, before that is gone: not where keys are the paths of files. */
const servers: [string, () => Promise<Server>, boolean][] = [
  ['versitygw', async () => openBucket(await startS3Server()), false],
  ['MinIO', async () => openBucket(await startMinio()), true],
  ['fake-gcs-server', openGcs, true],
]

describe.each(servers)('through %s', (_name, start, replaces) => {
  let server: Server
  let rounds = 0
  beforeAll(async () => {
    server = await start()
  })
  afterAll(() => server?.stop())

  test('any tree of legal names goes up and comes down byte for byte; a second plan is empty; another takes its place', async () => {
    const property = fc.asyncProperty(anyTree, anyTree, async (first, second) => {
      const dir = await mkdtemp(join(tmpdir(), 'granary-tree-'))
      rounds++
      try {
        for (const [name, leaves] of Object.entries({ first, second })) {
          const [root, place] = [join(dir, name), replaces ? 'one' : name]
          const to = { store: server.store, prefix: `r${rounds}/${place}/` }
          const down = { target: new LocalTarget(join(dir, `down-${place}`)) }
          plantTree(root, leaves)
          const prune = { prune: true }
          const up = await copyTree(join(dir, `s1-${place}`), { root }, to, prune)
          expect((await copyTree(join(dir, `s2-${place}`), to, down, prune)).digest).toBe(up.digest)
          expect(seenTree(join(dir, `down-${place}`))).toEqual(seenTree(root))
          for (const again of [
            await copyTree(join(dir, `s1-${place}`), { root }, to, prune),
            await copyTree(join(dir, `s2-${place}`), to, down, prune),
          ])
            expect(again).toMatchObject({ moved: 0, removed: 0, extra: 0, unchanged: leaves.size })
        }
      } finally {
        await rm(dir, { recursive: true, force: true })
      }
    })
    await fc.assert(property, { numRuns: 6, seed: 20261121 })
  })
})
