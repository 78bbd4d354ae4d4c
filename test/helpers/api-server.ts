import { readFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent, fetch } from 'undici'
import { certificatePaths, createAuthority, createCertificate } from '../../scripts/cluster/certs.ts'
import { writeKubeconfig } from '../../scripts/cluster/kubeconfig.ts'
import { ensurePrograms, programPath } from '../../scripts/cluster/programs.ts'
import { type Child, freePort, startChild, until } from './child.ts'

/** A real kube-apiserver over a real etcd, empty, with nothing else: no controllers, no scheduler, no node. */
export interface ApiServer {
  /** For example `https://127.0.0.1:40123`. */
  readonly url: string
  /** Path of a kubeconfig of an administrator (group system:masters). */
  readonly kubeconfig: string
  /** The administrator's certificate and key and the server's authority, as PEM. */
  readonly credentials: { readonly ca: string; readonly cert: string; readonly key: string }
  /** Ends both processes and removes their files. */
  stop(): Promise<void>
}

export interface ApiServerOptions {
  /** Further flags of kube-apiserver. */
  readonly flags?: readonly string[]
}

const etcdFlags = (dir: string, client: number, peer: number) => [
  ...['--name', 'test', '--data-dir', join(dir, 'etcd'), '--unsafe-no-fsync', '--log-level', 'warn'],
  ...['--listen-client-urls', `http://127.0.0.1:${client}`, '--advertise-client-urls', `http://127.0.0.1:${client}`],
  ...['--listen-peer-urls', `http://127.0.0.1:${peer}`, '--initial-advertise-peer-urls', `http://127.0.0.1:${peer}`],
  ...['--initial-cluster', `test=http://127.0.0.1:${peer}`],
]

// No pod ever runs here, so nobody needs the token that admission would insist on.
const apiServerFlags = (dir: string, etcd: number, port: number) => {
  const serving = certificatePaths(dir, 'serving')
  return [
    ...['--etcd-servers', `http://127.0.0.1:${etcd}`, '--bind-address', '127.0.0.1', '--secure-port', `${port}`],
    ...['--advertise-address', '192.0.2.1', '--endpoint-reconciler-type', 'none'],
    ...['--tls-cert-file', serving.certificate, '--tls-private-key-file', serving.key],
    ...['--client-ca-file', certificatePaths(dir, 'ca').certificate, '--authorization-mode', 'RBAC'],
    ...['--service-account-issuer', 'https://kubernetes.default.svc'],
    ...['--service-account-key-file', join(dir, 'service-accounts.key')],
    ...['--service-account-signing-key-file', join(dir, 'service-accounts.key')],
    ...['--service-cluster-ip-range', '10.97.0.0/24', '--disable-admission-plugins', 'ServiceAccount'],
  ]
}

/** Starts one; takes some seconds. The programs are built first when they are missing, which takes minutes. */
export const startApiServer = async (options: ApiServerOptions = {}): Promise<ApiServer> => {
  await ensurePrograms(['etcd', 'kube-apiserver'])
  const dir = await mkdtemp(join(tmpdir(), 'granary-api-'))
  const children: Child[] = []
  const stop = async () => {
    for (const child of children.toReversed()) await child.stop()
    await rm(dir, { recursive: true, force: true })
  }
  try {
    await createAuthority(dir)
    await createCertificate(dir, {
      name: 'serving',
      commonName: 'kube-apiserver',
      alternativeNames: ['IP:127.0.0.1', 'DNS:localhost'],
    })
    await createCertificate(dir, { name: 'admin', commonName: 'admin', organization: 'system:masters' })
    const [client, peer, port] = [await freePort(), await freePort(), await freePort()]
    const etcd = startChild(programPath('etcd'), etcdFlags(dir, client, peer), join(dir, 'etcd.log'))
    children.push(etcd)
    const flags = [...apiServerFlags(dir, client, port), ...(options.flags ?? [])]
    const server = startChild(programPath('kube-apiserver'), flags, join(dir, 'kube-apiserver.log'))
    children.push(server)

    const url = `https://127.0.0.1:${port}`
    const kubeconfig = join(dir, 'kubeconfig')
    await writeKubeconfig(kubeconfig, { server: url, certificates: dir, user: 'admin' })
    const pem = (path: string) => readFileSync(path, 'utf8')
    const admin = certificatePaths(dir, 'admin')
    const credentials = {
      ca: pem(certificatePaths(dir, 'ca').certificate),
      cert: pem(admin.certificate),
      key: pem(admin.key),
    }
    await Promise.race([ready(url, credentials), etcd.failed, server.failed])
    return { url, kubeconfig, credentials, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

const ready = async (url: string, connect: ApiServer['credentials']) => {
  const dispatcher = new Agent({ connect })
  try {
    const probe = async (path: string) => (await fetch(`${url}${path}`, { dispatcher })).ok
    await until('kube-apiserver to be ready', () => probe('/readyz'), 90)
    await until('the namespace default', () => probe('/api/v1/namespaces/default'), 30)
  } finally {
    await dispatcher.close()
  }
}
