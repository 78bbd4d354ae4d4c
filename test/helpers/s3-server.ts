import { randomBytes } from 'node:crypto'
import { mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import { ensurePrograms, programPath } from '../../scripts/cluster/programs.ts'
import { freePort, startChild, until } from './child.ts'

/** A real S3 server (versitygw over a temporary directory) with credentials of its own. */
export interface S3Server {
  /** For example `http://127.0.0.1:40123`; address buckets by path. */
  readonly endpoint: string
  readonly region: string
  readonly accessKey: string
  readonly secretKey: string
  /** The directory that holds each bucket as a directory: for looking at, and for planting, what S3 can't. */
  readonly dataDir: string
  /** A client of the vendor's SDK, to arrange and to check with. */
  readonly client: S3Client
  /** Makes a bucket, with object versions when `versioned`. */
  createBucket(name: string, options?: { versioned?: boolean }): Promise<void>
  /** Ends the process and removes all data. */
  stop(): Promise<void>
}

/** Starts one on a free port of the loopback address; the program is built first when it is missing. */
export const startS3Server = async (): Promise<S3Server> => {
  await ensurePrograms(['versitygw'])
  const dir = await mkdtemp(join(tmpdir(), 'granary-s3-'))
  const [dataDir, versionsDir, iamDir] = [join(dir, 'data'), join(dir, 'versions'), join(dir, 'iam')]
  for (const path of [dataDir, versionsDir, iamDir]) await mkdir(path)
  const port = await freePort()
  const endpoint = `http://127.0.0.1:${port}`
  const region = 'us-east-1'
  const accessKey = `test${randomBytes(6).toString('hex')}`
  const secretKey = randomBytes(20).toString('hex')
  const flags = [
    ...['--port', `127.0.0.1:${port}`, '--region', region, '--access', accessKey, '--secret', secretKey],
    ...['--keep-alive', '--quiet', '--iam-dir', iamDir, 'posix', '--versioning-dir', versionsDir, dataDir],
  ]
  const child = startChild(programPath('versitygw'), flags, join(dir, 'versitygw.log'))
  const client = new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
  })
  const stop = async () => {
    client.destroy()
    await child.stop()
    await rm(dir, { recursive: true, force: true })
  }
  const answers = async () => (await fetch(endpoint)).status < 500
  try {
    await Promise.race([until('versitygw to answer', answers), child.failed])
  } catch (error) {
    await stop()
    throw error
  }
  const createBucket = async (name: string, options: { versioned?: boolean } = {}) => {
    await client.send(new CreateBucketCommand({ Bucket: name }))
    if (!options.versioned) return
    const enabled = { Bucket: name, VersioningConfiguration: { Status: 'Enabled' as const } }
    await client.send(new PutBucketVersioningCommand(enabled))
  }
  return { endpoint, region, accessKey, secretKey, dataDir, client, createBucket, stop }
}
