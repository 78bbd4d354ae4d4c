import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificatePaths, createAuthority, createCertificate } from '../../scripts/cluster/certs.ts'
import { openGcsStore } from '../../src/stores/gcs/store.ts'
import { type ObjectStore, StoreError } from '../../src/stores/object-store.ts'
import { openS3Store } from '../../src/stores/s3/store.ts'
import type { Fault, Match } from './faults.ts'
import { type FaultyProxy, startFaultyProxy } from './faulty-proxy.ts'
import { type GcsServer, startGcsServer } from './gcs-server.ts'
import { quickRetry } from './move.ts'
import { startResumableStatus } from './resumable-status.ts'
import { type S3Server, startS3Server } from './s3-server.ts'

/** `stall` in milliseconds. */
export interface Patience {
  stall?: number
  attempts?: number
  pageSize?: number
}

/** A bucket `bucket` of a real server, and the same behind a faulty proxy. */
export interface FaultyStore {
  readonly proxy: FaultyProxy
  /** Straight to the server. */
  readonly direct: ObjectStore
  /** Through the proxy. */
  readonly store: ObjectStore
  /** The same, but half a second without a byte is a stall: tried often, since on a busy machine an honest answer may take as long. */
  readonly impatient: ObjectStore
  /** The one of the two that meets this fault soon enough. */
  storeFor(fault: Fault): ObjectStore
  /** Through the proxy, or straight; closed at the end. */
  open(patience?: Patience, endpoint?: string): Promise<ObjectStore>
  /** Requests that bring an object's bytes. */
  reads(key: string): Match
  /** What the server answers when its credentials are over, or not enough. */
  readonly refusals: Record<'expired' | 'denied' | 'gone', Fault>
  /** Each piece of an upload is checked by itself, so that one that was damaged is sent again; else the whole is refused at its end. */
  readonly checksPieces: boolean
  /** What must be in no message. */
  readonly secrets: readonly string[]
  stop(): Promise<void>
}

export interface FaultyS3 extends FaultyStore {
  readonly server: S3Server
  /** The files of the Secret. */
  readonly credentialsDir: string
}

export interface FaultyGcs extends FaultyStore {
  readonly server: GcsServer
}

/** How a piece of work ends: `success`, the failure of the store, or another error. */
export const endOf = (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => 'success',
    (error) => (error instanceof StoreError ? error.failure : error),
  )

const retry = (patience: Patience) => ({ ...quickRetry, attempts: patience.attempts ?? quickRetry.attempts })

/** A proxy, with TLS if asked for; `caFile` is who signed its certificate. */
const startFront = async (target: string, dir: string, tls: boolean) => {
  if (!tls) return { proxy: await startFaultyProxy(target), caFile: undefined }
  await createAuthority(dir)
  await createCertificate(dir, { name: 'front', commonName: 'front', alternativeNames: ['IP:127.0.0.1'] })
  const { certificate, key } = certificatePaths(dir, 'front')
  const proxy = await startFaultyProxy(target, { tls: { cert: await readFile(certificate), key: await readFile(key) } })
  return { proxy, caFile: certificatePaths(dir, 'ca').certificate }
}

type Opening = (endpoint: string, caFile: string | undefined, patience: Patience) => Promise<ObjectStore>

const assemble = async (target: string, dir: string, tls: boolean, openAt: Opening, end: () => Promise<unknown>) => {
  const { proxy, caFile } = await startFront(target, dir, tls)
  const opened: ObjectStore[] = []
  const open: FaultyStore['open'] = async (patience = {}, endpoint = proxy.endpoint) => {
    const store = await openAt(endpoint, endpoint === proxy.endpoint ? caFile : undefined, patience)
    opened.push(store)
    return store
  }
  const direct = await open({}, target)
  const store = await open()
  const impatient = await open({ stall: 500, attempts: 20 })
  return {
    proxy,
    direct,
    store,
    impatient,
    storeFor: (fault: Fault) => (fault.kind === 'stall' ? impatient : store),
    open,
    async stop() {
      await Promise.all(opened.map((one) => one.close()))
      await proxy.stop()
      await end()
      await rm(dir, { recursive: true, force: true })
    },
  }
}

export interface FaultyOptions {
  /** The proxy speaks TLS. */
  tls?: boolean
  /** The bucket keeps old object versions. */
  versioned?: boolean
}

export const startFaultyS3 = async ({ tls = false, versioned = false }: FaultyOptions = {}): Promise<FaultyS3> => {
  const server = await startS3Server()
  const dir = await mkdtemp(join(tmpdir(), 'granary-faulty-'))
  const credentialsDir = join(dir, 'secret')
  await mkdir(credentialsDir)
  await writeFile(join(credentialsDir, 'AWS_ACCESS_KEY_ID'), server.accessKey)
  await writeFile(join(credentialsDir, 'AWS_SECRET_ACCESS_KEY'), server.secretKey)
  await server.createBucket('bucket', { versioned })
  const open: Opening = (endpoint, caFile, patience) => {
    const credentials = { from: 'Files' as const, directory: credentialsDir }
    const { stall, pageSize } = patience
    const address = { bucket: 'bucket', endpoint, region: server.region }
    return openS3Store(address, { credentials, caFile, retry: retry(patience), stall, pageSize })
  }
  const assembled = await assemble(server.endpoint, dir, tls, open, () => server.stop())
  return {
    ...assembled,
    server,
    credentialsDir,
    reads: (key) => ({ method: 'GET', key: new RegExp(`^${key}$`) }),
    refusals: {
      expired: { kind: 'status', status: 400, code: 'ExpiredToken' },
      denied: { kind: 'status', status: 403 },
      gone: { kind: 'status', status: 404, code: 'NoSuchKey' },
    },
    checksPieces: true,
    secrets: [server.accessKey, server.secretKey],
  }
}

export const startFaultyGcs = async ({ tls = false, versioned = false }: FaultyOptions = {}): Promise<FaultyGcs> => {
  const server = await startGcsServer()
  const resumable = await startResumableStatus(server.endpoint)
  const dir = await mkdtemp(join(tmpdir(), 'granary-faulty-'))
  await server.createBucket('bucket', { versioned })
  const open: Opening = (endpoint, caFile, patience) => {
    const { stall, pageSize } = patience
    const options = { credentials: { from: 'Anonymous' as const }, caFile, retry: retry(patience), stall, pageSize }
    return openGcsStore({ bucket: 'bucket', endpoint }, options)
  }
  const end = async () => {
    await resumable.stop()
    await server.stop()
  }
  const assembled = await assemble(resumable.endpoint, dir, tls, open, end)
  return {
    ...assembled,
    server,
    reads: (key) => ({ method: 'GET', key: new RegExp(`(^|/)${key}$`), query: /alt=media/ }),
    refusals: {
      expired: { kind: 'status', status: 401 },
      denied: { kind: 'status', status: 403 },
      gone: { kind: 'status', status: 404 },
    },
    checksPieces: false,
    secrets: ['upload_id'],
  }
}
