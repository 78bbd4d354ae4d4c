import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { certificatePaths } from './certs.ts'
import type { Daemon } from './daemon.ts'
import { bridgeName, network } from './network.ts'
import { firstNode, type NodePlace, nodes } from './nodes.ts'
import { componentKubeconfig, containerdSocket, statePaths } from './paths.ts'
import { programPath } from './programs.ts'

const cniDir = (node: NodePlace) => join(node.dir, 'cni')
const containerdConfig = (node: NodePlace) => join(node.dir, 'containerd.toml')
const kubeletConfig = (node: NodePlace) => join(node.dir, 'kubelet.json')
const resolvConf = (node: NodePlace) => join(node.dir, 'resolv.conf')

/** Image that holds a pod's namespaces. */
export const pauseImage = 'docker.io/local/pause:1'

// restrict_oom_score_adj: without CAP_SYS_RESOURCE runc can't lower the score and dies with "can't get final child's PID".
const containerdSettings = (node: NodePlace) => `version = 3
root = "${join(node.dir, 'containerd')}"
state = "/run/containerd"
disabled_plugins = ["io.containerd.nri.v1.nri", "io.containerd.tracing.processor.v1.otlp"]

[grpc]
  address = "${containerdSocket}"

[plugins."io.containerd.cri.v1.images"]
  snapshotter = "overlayfs"
  [plugins."io.containerd.cri.v1.images".pinned_images]
    sandbox = "${pauseImage}"

[plugins."io.containerd.cri.v1.runtime"]
  restrict_oom_score_adj = true
  [plugins."io.containerd.cri.v1.runtime".cni]
    bin_dirs = ["/usr/lib/cni", "/opt/cni/bin"]
    conf_dir = "${cniDir(node)}"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "runc"
        SystemdCgroup = false
`

// The first node's bridge is the gateway of all pods, and has its address before any pod comes.
const cniSettings = (node: NodePlace) => ({
  cniVersion: '1.0.0',
  name: 'granary',
  plugins: [
    {
      type: 'bridge',
      bridge: bridgeName,
      isGateway: node === firstNode,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni',
        ranges: [[{ subnet: network.pods, rangeStart: node.pods[0], rangeEnd: node.pods[1], gateway: network.node }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
})

const kubeletSettings = (node: NodePlace) => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: node.address,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: certificatePaths(statePaths.certificates, 'ca').certificate },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: certificatePaths(statePaths.certificates, `kubelet${node.suffix}`).certificate,
  tlsPrivateKeyFile: certificatePaths(statePaths.certificates, `kubelet${node.suffix}`).key,
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: node.cgroup,
  failCgroupV1: false,
  failSwapOn: false,
  enforceNodeAllocatable: [],
  localStorageCapacityIsolation: false,
  podLogsDir: join(node.dir, 'pod-logs'),
  // Nobody serves names here; a lookup is refused at once, and pods get no warning that there is no server.
  clusterDNS: [network.node],
  clusterDomain: 'cluster.local',
  resolvConf: resolvConf(node),
  // The disk is the machine's own: how full it is says nothing about the cluster.
  evictionHard: { 'memory.available': '100Mi' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  syncFrequency: '10s',
  // A pod goes to the second node when it must, or when the first is full: what needs no second node is as with one.
  ...(node === firstNode
    ? {}
    : { registerWithTaints: [{ key: 'granary.dev/second-node', effect: 'PreferNoSchedule' }] }),
})

/** Writes the configuration of the nodes' runtimes, their networks and kubelets. */
export const writeNodeSettings = async (): Promise<void> => {
  for (const node of nodes) {
    await mkdir(cniDir(node), { recursive: true })
    await writeFile(containerdConfig(node), containerdSettings(node))
    await writeFile(join(cniDir(node), '10-granary.conflist'), JSON.stringify(cniSettings(node), null, 2))
    await writeFile(kubeletConfig(node), JSON.stringify(kubeletSettings(node), null, 2))
    await writeFile(resolvConf(node), '')
  }
}

/** The container runtime of a node. */
export const containerd = (node: NodePlace): Daemon => ({
  name: `containerd${node.suffix}`,
  command: [programPath('containerd'), '--config', containerdConfig(node)],
})

/** The agent of a node. */
export const kubelet = (node: NodePlace): Daemon => ({
  name: `kubelet${node.suffix}`,
  command: [
    ...[programPath('kubelet'), '--config', kubeletConfig(node), '--kubeconfig', componentKubeconfig(node.user)],
    ...['--root-dir', node.kubelet, '--cert-dir', join(node.kubelet, 'pki')],
    ...['--hostname-override', node.name, '--node-ip', node.address],
  ],
})

/** Makes ClusterIP services work; masquerading lets a pod reach a service whose answer comes from the same bridge. */
export const kubeProxy = (): Daemon => ({
  name: 'kube-proxy',
  command: [
    ...[programPath('kube-proxy'), '--kubeconfig', componentKubeconfig('proxy'), '--hostname-override', firstNode.name],
    ...['--proxy-mode', 'iptables', '--cluster-cidr', network.pods, '--masquerade-all'],
    ...['--conntrack-max-per-core', '0', '--conntrack-tcp-timeout-established', '0'],
    ...['--conntrack-tcp-timeout-close-wait', '0', '--metrics-bind-address', '127.0.0.1:10249'],
  ],
})
