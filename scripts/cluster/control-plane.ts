import { join } from 'node:path'
import { certificatePaths, createAuthority, createCertificate } from './certs.ts'
import type { Daemon } from './daemon.ts'
import { writeKubeconfig } from './kubeconfig.ts'
import { network } from './network.ts'
import { type NodePlace, nodes } from './nodes.ts'
import { componentKubeconfig, stateDir, statePaths } from './paths.ts'
import { programPath } from './programs.ts'

/** The API server as everybody reaches it: pods, this machine, the components. */
export const apiServerUrl = `https://${network.node}:6443`

const dir = statePaths.certificates
const pair = (name: string) => certificatePaths(dir, name)
const serviceAccounts = join(dir, 'service-accounts.key')

/** Component → its user and group in the cluster; each gets a certificate and a kubeconfig. */
const users: Record<string, { commonName: string; organization?: string }> = {
  admin: { commonName: 'admin', organization: 'system:masters' },
  'controller-manager': { commonName: 'system:kube-controller-manager' },
  scheduler: { commonName: 'system:kube-scheduler' },
  proxy: { commonName: 'system:kube-proxy' },
  ...Object.fromEntries(
    nodes.map((node) => [node.user, { commonName: `system:node:${node.name}`, organization: 'system:nodes' }]),
  ),
}

/** Makes all certificates and kubeconfigs of a new cluster. */
export const createCredentials = async (): Promise<void> => {
  await createAuthority(dir)
  const serviceName = 'kubernetes.default.svc'
  const names = ['kubernetes', 'kubernetes.default', serviceName, `${serviceName}.cluster.local`, 'localhost']
  const alternativeNames = [
    ...[network.node, network.apiService, '127.0.0.1'].map((address) => `IP:${address}`),
    ...names.map((name) => `DNS:${name}`),
  ]
  const kubelet = (node: NodePlace) => ({
    name: `kubelet${node.suffix}`,
    commonName: node.name,
    alternativeNames: [`IP:${node.address}`, `DNS:${node.name}`],
  })
  await Promise.all([
    createCertificate(dir, { name: 'api-server', commonName: 'kube-apiserver', alternativeNames }),
    ...nodes.map((node) => createCertificate(dir, kubelet(node))),
    ...Object.entries(users).map(([name, subject]) => createCertificate(dir, { name, ...subject })),
  ])
  for (const user of Object.keys(users)) {
    const file = user === 'admin' ? statePaths.kubeconfig : componentKubeconfig(user)
    await writeKubeconfig(file, { server: apiServerUrl, certificates: dir, user })
  }
}

/** The store of the API server; its data goes with the cluster, so it need not survive a power cut. */
export const etcd = (): Daemon => ({
  name: 'etcd',
  command: [
    ...[programPath('etcd'), '--name', 'granary', '--data-dir', join(stateDir, 'etcd')],
    ...['--unsafe-no-fsync', '--log-level', 'warn'],
    ...['--listen-client-urls', 'http://127.0.0.1:2379', '--advertise-client-urls', 'http://127.0.0.1:2379'],
    ...['--listen-peer-urls', 'http://127.0.0.1:2380', '--initial-advertise-peer-urls', 'http://127.0.0.1:2380'],
    ...['--initial-cluster', 'granary=http://127.0.0.1:2380'],
  ],
})

/** The API server. Its certificate as a client of the kubelet is the administrator's. */
export const apiServer = (): Daemon => ({
  name: 'kube-apiserver',
  command: [
    ...[programPath('kube-apiserver'), '--etcd-servers', 'http://127.0.0.1:2379', '--allow-privileged'],
    ...['--bind-address', network.node, '--advertise-address', network.node, '--secure-port', '6443'],
    ...['--authorization-mode', 'Node,RBAC', '--enable-admission-plugins', 'NodeRestriction'],
    ...['--tls-cert-file', pair('api-server').certificate, '--tls-private-key-file', pair('api-server').key],
    ...['--client-ca-file', pair('ca').certificate, '--service-cluster-ip-range', network.services],
    ...['--kubelet-client-certificate', pair('admin').certificate, '--kubelet-client-key', pair('admin').key],
    ...['--kubelet-certificate-authority', pair('ca').certificate],
    ...['--kubelet-preferred-address-types', 'InternalIP'],
    ...['--service-account-issuer', 'https://kubernetes.default.svc.cluster.local'],
    ...['--service-account-key-file', serviceAccounts, '--service-account-signing-key-file', serviceAccounts],
  ],
})

/** Built-in controllers. Volumes are looked at again every other second instead of every fifteen, for quick tests. */
export const controllerManager = (): Daemon => ({
  name: 'kube-controller-manager',
  command: [
    ...[programPath('kube-controller-manager'), '--kubeconfig', componentKubeconfig('controller-manager')],
    ...['--leader-elect=false', '--bind-address', '127.0.0.1', '--use-service-account-credentials'],
    ...['--pvclaimbinder-sync-period', '2s'],
    ...['--root-ca-file', pair('ca').certificate, '--service-account-private-key-file', serviceAccounts],
    ...['--cluster-signing-cert-file', pair('ca').certificate, '--cluster-signing-key-file', pair('ca').key],
  ],
})

/** The scheduler. */
export const scheduler = (): Daemon => ({
  name: 'kube-scheduler',
  command: [
    ...[programPath('kube-scheduler'), '--kubeconfig', componentKubeconfig('scheduler')],
    ...['--leader-elect=false', '--bind-address', '127.0.0.1'],
  ],
})
