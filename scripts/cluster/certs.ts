import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'

const run = promisify(execFile)

/** One certificate with its key beside it: `<name>.crt`, `<name>.key`. */
export interface CertificateRequest {
  readonly name: string
  /** Common name: the user, when it is a client's certificate. */
  readonly commonName: string
  /** Organization: the group, when it is a client's certificate. */
  readonly organization?: string
  /** Subject alternative names as openssl writes them, for example `IP:127.0.0.1`. */
  readonly alternativeNames?: readonly string[]
}

/** Paths in a directory of certificates. */
export const certificatePaths = (dir: string, name: string) => ({
  certificate: join(dir, `${name}.crt`),
  key: join(dir, `${name}.key`),
})

const days = ['-days', '3650']
const newKey = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes']

/** Makes a certificate authority (`ca`) in `dir`, and a key pair that signs service account tokens (`service-accounts.key`). */
export const createAuthority = async (dir: string): Promise<void> => {
  await mkdir(dir, { recursive: true, mode: 0o700 })
  const config = join(dir, 'openssl.cnf')
  await writeFile(config, '[req]\ndistinguished_name = none\n[none]\n')
  const { certificate, key } = certificatePaths(dir, 'ca')
  const authority = ['-addext', 'basicConstraints=critical,CA:TRUE', '-addext', 'keyUsage=critical,keyCertSign,cRLSign']
  const subject = ['-subj', '/CN=granary-test-ca', '-keyout', key, '-out', certificate]
  await run('openssl', ['req', '-x509', '-config', config, ...newKey, ...days, ...authority, ...subject])
  await run('openssl', ['genrsa', '-out', join(dir, 'service-accounts.key'), '2048'])
}

/** Signs a certificate for servers and clients with the authority in `dir`; one that is there already is kept. */
export const createCertificate = async (dir: string, request: CertificateRequest): Promise<void> => {
  const { certificate, key } = certificatePaths(dir, request.name)
  if (existsSync(certificate)) return
  const ca = certificatePaths(dir, 'ca')
  const organization = request.organization ? `/O=${request.organization}` : ''
  const names = request.alternativeNames?.length
    ? ['-addext', `subjectAltName=${request.alternativeNames.join(',')}`]
    : []
  const usage = [
    ...['-addext', 'basicConstraints=critical,CA:FALSE', '-addext', 'keyUsage=critical,digitalSignature'],
    ...['-addext', 'extendedKeyUsage=serverAuth,clientAuth', ...names],
  ]
  const signer = ['-CA', ca.certificate, '-CAkey', ca.key]
  const subject = ['-subj', `${organization}/CN=${request.commonName}`, '-keyout', key, '-out', certificate]
  const config = ['-config', join(dir, 'openssl.cnf')]
  await run('openssl', ['req', '-x509', ...config, ...newKey, ...days, ...signer, ...usage, ...subject])
}
