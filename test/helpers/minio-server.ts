import { randomBytes } from 'node:crypto'
import { copyFile, mkdir, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { CreateBucketCommand, PutBucketVersioningCommand, S3Client } from '@aws-sdk/client-s3'
import { certificatePaths, createAuthority, createCertificate } from '../../scripts/cluster/certs.ts'
import { ensurePrograms, programPath } from '../../scripts/cluster/programs.ts'
import { freePort, startChild, until } from './child.ts'

/** Another real S3 server (MinIO): it checks session tokens, and issues them for tokens of an OpenID provider. */
export interface MinioServer {
  readonly endpoint: string
  readonly accessKey: string
  readonly secretKey: string
  /** The PEM of the authority that signed its certificate, if it speaks TLS. */
  readonly caFile: string | undefined
  createBucket(name: string, options?: { versioned?: boolean }): Promise<void>
  stop(): Promise<void>
}

const agentOf = async (caFile: string | undefined) => {
  if (caFile === undefined) return {}
  const [{ Agent }, { readFile }] = await Promise.all([import('node:https'), import('node:fs/promises')])
  return { requestHandler: { httpsAgent: new Agent({ ca: await readFile(caFile) }) } }
}

/** Starts one on a free port of the loopback address; the program is built first when it is missing. `openid`: address of a discovery document. */
export const startMinio = async (options: { tls?: boolean; openid?: string } = {}): Promise<MinioServer> => {
  await ensurePrograms(['minio'])
  const dir = await mkdtemp(join(tmpdir(), 'granary-minio-'))
  const [data, certs] = [join(dir, 'data'), join(dir, 'certs')]
  for (const path of [data, certs]) await mkdir(path)
  if (options.tls) {
    await createAuthority(dir)
    await createCertificate(dir, { name: 'minio', commonName: 'minio', alternativeNames: ['IP:127.0.0.1'] })
    const { certificate, key } = certificatePaths(dir, 'minio')
    await copyFile(certificate, join(certs, 'public.crt'))
    await copyFile(key, join(certs, 'private.key'))
  }
  const [port, console] = [await freePort(), await freePort()]
  const endpoint = `${options.tls ? 'https' : 'http'}://127.0.0.1:${port}`
  const accessKey = `test${randomBytes(6).toString('hex')}`
  const secretKey = randomBytes(20).toString('hex')
  const addresses = ['--address', `127.0.0.1:${port}`, '--console-address', `127.0.0.1:${console}`]
  const environment = {
    MINIO_ROOT_USER: accessKey,
    MINIO_ROOT_PASSWORD: secretKey,
    // It refuses the disk of the system otherwise.
    MINIO_CI_CD: '1',
    MINIO_BROWSER: 'off',
    ...(options.openid
      ? { MINIO_IDENTITY_OPENID_CONFIG_URL: options.openid, MINIO_IDENTITY_OPENID_CLIENT_ID: 'sts.amazonaws.com' }
      : {}),
  }
  const flags = ['server', '--quiet', '--certs-dir', certs, ...addresses, data]
  const child = startChild(programPath('minio'), flags, join(dir, 'minio.log'), environment)
  const caFile = options.tls ? join(dir, 'ca.crt') : undefined
  const client = new S3Client({
    endpoint,
    region: 'us-east-1',
    forcePathStyle: true,
    credentials: { accessKeyId: accessKey, secretAccessKey: secretKey },
    ...(await agentOf(caFile)),
  })
  const stop = async () => {
    client.destroy()
    await child.stop()
    await rm(dir, { recursive: true, force: true })
  }
  const createBucket: MinioServer['createBucket'] = async (name, { versioned = false } = {}) => {
    await client.send(new CreateBucketCommand({ Bucket: name }))
    if (!versioned) return
    const enabled = { Bucket: name, VersioningConfiguration: { Status: 'Enabled' as const } }
    await client.send(new PutBucketVersioningCommand(enabled))
  }
  try {
    const answers = async () => {
      await createBucket('started')
      return true
    }
    await Promise.race([until('MinIO to answer', answers), child.failed])
  } catch (error) {
    await stop()
    throw error
  }
  return { endpoint, accessKey, secretKey, caFile, createBucket, stop }
}
