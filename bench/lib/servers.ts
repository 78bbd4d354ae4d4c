import { randomBytes } from 'node:crypto'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { certificatePaths, createAuthority, createCertificate } from '../../scripts/cluster/certs.ts'
import { ensurePrograms, programPath } from '../../scripts/cluster/programs.ts'
import { freePort, startChild, until } from '../../test/helpers/child.ts'
import { startGcsServer } from '../../test/helpers/gcs-server.ts'

/** A store on the loopback address, and how each tool is told of it. */
export interface Server {
  kind: 's3' | 'gs'
  bucket: string
  endpoint: string
  /** Environment of every tool. */
  env: Record<string, string>
  caFile?: string
  /** Where the server keeps the files of a prefix as plain files; absent: nobody can look. */
  filesOf?(prefix: string): string
  stop(): Promise<void>
}

/** versitygw over a directory, with connections kept alive: without, every client pays one for each object. */
export const startS3 = async (dir: string, tls: boolean): Promise<Server> => {
  await ensurePrograms(['versitygw'])
  const [data, iam] = [join(dir, 'data'), join(dir, 'iam')]
  for (const each of [join(data, 'bench'), iam]) mkdirSync(each, { recursive: true })
  const port = await freePort()
  const keys = { access: `bench${randomBytes(6).toString('hex')}`, secret: randomBytes(20).toString('hex') }
  const flags = ['--port', `127.0.0.1:${port}`, '--access', keys.access, '--secret', keys.secret]
  const certificates = join(dir, 'certificates')
  if (tls) {
    await createAuthority(certificates)
    await createCertificate(certificates, { name: 's3', commonName: 's3', alternativeNames: ['IP:127.0.0.1'] })
    const { certificate, key } = certificatePaths(certificates, 's3')
    flags.push('--cert', certificate, '--key', key)
  }
  flags.push('--keep-alive', '--quiet', '--iam-dir', iam, 'posix', data)
  const child = startChild(programPath('versitygw'), flags, join(dir, 'versitygw.log'))
  const endpoint = `${tls ? 'https' : 'http'}://127.0.0.1:${port}`
  const caFile = certificatePaths(certificates, 'ca').certificate
  const answers = async () => (await fetch(endpoint)).status < 500 || true
  const connects = () => answers().catch((error) => tls && error.cause?.code !== 'ECONNREFUSED')
  await Promise.race([until('versitygw to answer', connects), child.failed])
  const env = {
    AWS_ACCESS_KEY_ID: keys.access,
    AWS_SECRET_ACCESS_KEY: keys.secret,
    AWS_REGION: 'us-east-1',
    AWS_ENDPOINT_URL_S3: endpoint,
    ...(tls ? { AWS_CA_BUNDLE: caFile } : {}),
  }
  const filesOf = (prefix: string) => join(data, 'bench', prefix)
  return { kind: 's3', bucket: 'bench', endpoint, env, ...(tls ? { caFile } : {}), filesOf, stop: child.stop }
}

/** fake-gcs-server in memory. */
export const startGcs = async (): Promise<Server> => {
  const { endpoint, createBucket, stop } = await startGcsServer()
  await createBucket('bench')
  return { kind: 'gs', bucket: 'bench', endpoint, env: { STORAGE_EMULATOR_HOST: endpoint }, stop }
}
