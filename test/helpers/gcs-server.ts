import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { certificatePaths, createAuthority, createCertificate } from '../../scripts/cluster/certs.ts'
import { ensurePrograms, programPath } from '../../scripts/cluster/programs.ts'
import { freePort, startChild, until } from './child.ts'

/** A server that speaks the JSON API of Google Cloud Storage (fake-gcs-server, in memory). It looks at no credentials. */
export interface GcsServer {
  /** For example `http://127.0.0.1:40123`. */
  readonly endpoint: string
  /** The same over TLS, with a certificate of an authority of its own. */
  readonly secureEndpoint: string
  /** The PEM of that authority. */
  readonly caFile: string
  /** Makes a bucket, with object versions when `versioned`. */
  createBucket(name: string, options?: { versioned?: boolean }): Promise<void>
  /** Ends the process and all data. */
  stop(): Promise<void>
}

/** Starts one on free ports; the program is built first when it is missing. `host`: an address of this machine; default: for this machine alone. */
export const startGcsServer = async ({ host = '127.0.0.1' }: { host?: string } = {}): Promise<GcsServer> => {
  await ensurePrograms(['fake-gcs-server'])
  const dir = await mkdtemp(join(tmpdir(), 'granary-gcs-'))
  await createAuthority(dir)
  await createCertificate(dir, { name: 'gcs', commonName: 'gcs', alternativeNames: [`IP:${host}`] })
  const { certificate, key } = certificatePaths(dir, 'gcs')
  const [port, securePort] = [await freePort(), await freePort()]
  const endpoint = `http://${host}:${port}`
  const flags = [
    ...['-scheme', 'both', '-host', host, '-port-http', String(port), '-port', String(securePort)],
    ...['-cert-location', certificate, '-private-key-location', key],
    ...['-backend', 'memory', '-public-host', `${host}:${port}`, '-log-level', 'warn'],
  ]
  const child = startChild(programPath('fake-gcs-server'), flags, join(dir, 'fake-gcs-server.log'))
  const stop = async () => {
    await child.stop()
    await rm(dir, { recursive: true, force: true })
  }
  const answers = async () => (await fetch(`${endpoint}/storage/v1/b`)).status < 500
  try {
    await Promise.race([until('fake-gcs-server to answer', answers), child.failed])
  } catch (error) {
    await stop()
    throw error
  }
  const createBucket = async (name: string, options: { versioned?: boolean } = {}) => {
    const body = JSON.stringify({ name, ...(options.versioned ? { versioning: { enabled: true } } : {}) })
    const made = await fetch(`${endpoint}/storage/v1/b`, { method: 'POST', body })
    if (!made.ok) throw new Error(`the bucket ${name} was not made: ${await made.text()}`)
  }
  return {
    endpoint,
    secureEndpoint: `https://${host}:${securePort}`,
    caFile: join(dir, 'ca.crt'),
    createBucket,
    stop,
  }
}
