import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pino from 'pino'
import type { MoveLocation } from '../../src/api/move.ts'
import type { MoveDeps } from '../../src/mover/deps.ts'
import type { ListedObject, ObjectStore } from '../../src/stores/object-store.ts'
import { openStore } from '../../src/stores/open.ts'
import type { S3Server } from './s3-server.ts'

/** Tries follow each other quickly, so that a test of a failure that stays is short. */
export const quickRetry = { attempts: 4, base: 5, cap: 20 }

/** What movers need to work on an S3 server of the tests: their credentials as files, and their dependencies. */
export interface Moving {
  /** Where files of credentials are: one directory `s3` with the right keys. */
  readonly credentialsDir: string
  location(bucket: string, prefix?: string, endpoint?: string): MoveLocation
  deps(): MoveDeps
  /** `stall` in milliseconds. */
  open(location: MoveLocation, patience?: { stall?: number; attempts?: number }): Promise<ObjectStore>
  stop(): Promise<void>
}

export const startMoving = async (
  server: Pick<S3Server, 'endpoint' | 'region' | 'accessKey' | 'secretKey'>,
): Promise<Moving> => {
  const dir = await mkdtemp(join(tmpdir(), 'granary-moving-'))
  const credentialsDir = join(dir, 'credentials')
  await mkdir(join(credentialsDir, 's3'), { recursive: true })
  await writeFile(join(credentialsDir, 's3', 'AWS_ACCESS_KEY_ID'), server.accessKey)
  await writeFile(join(credentialsDir, 's3', 'AWS_SECRET_ACCESS_KEY'), server.secretKey)
  const opened: ObjectStore[] = []
  const open = async (location: MoveLocation, patience: { stall?: number; attempts?: number } = {}) => {
    const retry = { ...quickRetry, attempts: patience.attempts ?? quickRetry.attempts }
    const stores = { credentialsDir, caDir: join(dir, 'ca'), retry, stall: patience.stall }
    const store = await openStore(stores, location)
    opened.push(store)
    return store
  }
  return {
    credentialsDir,
    location: (bucket, prefix = '', endpoint = server.endpoint) => ({
      name: 's3',
      s3: { bucket, endpoint, region: server.region },
      prefix,
      credentials: 'Files',
    }),
    deps: () => ({
      openStore: (location) => open(location),
      data: join(dir, 'data'),
      progress: { expect: () => {}, files: () => {}, bytes: () => {} },
      log: pino({ level: 'silent' }),
      signal: new AbortController().signal,
    }),
    open,
    async stop() {
      await Promise.all(opened.map((store) => store.close()))
      await rm(dir, { recursive: true, force: true })
    },
  }
}

/** A listing whole. */
export const listAll = async (list: AsyncIterable<ListedObject>): Promise<ListedObject[]> => {
  const found: ListedObject[] = []
  for await (const object of list) found.push(object)
  return found
}

/** An object whole. */
export const readAll = async (store: ObjectStore, key: string, options = {}): Promise<Buffer> => {
  const { body } = await store.get(key, options)
  return Buffer.concat(await body.toArray())
}

/** Bytes that differ everywhere, the same for the same size and seed. */
export const pattern = (size: number, seed = 0): Buffer => {
  const bytes = Buffer.allocUnsafe(size)
  for (let i = 0; i < size; i++) bytes[i] = (seed + i * 31 + (i >> 8) * 7 + (i >> 16)) & 0xff
  return bytes
}
