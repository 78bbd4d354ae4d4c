import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { certificatePaths } from './certs.ts'
import { podCgroup } from './cgroups.ts'
import { nodeName } from './control-plane.ts'
import type { Daemon } from './daemon.ts'
import { bridgeName, network } from './network.ts'
import { componentKubeconfig, containerdSocket, stateDir, statePaths } from './paths.ts'
import { programPath } from './programs.ts'

const cniDir = join(stateDir, 'cni')
const containerdConfig = join(stateDir, 'containerd.toml')
const kubeletConfig = join(stateDir, 'kubelet.json')

/** Image that holds a pod's namespaces. */
export const pauseImage = 'docker.io/local/pause:1'

// restrict_oom_score_adj: without CAP_SYS_RESOURCE runc can't lower the score and dies with "can't get final child's PID".
const containerdSettings = `version = 3
root = "${join(stateDir, 'containerd')}"
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
    conf_dir = "${cniDir}"
  [plugins."io.containerd.cri.v1.runtime".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.cri.v1.runtime".containerd.runtimes.runc.options]
        BinaryName = "runc"
        SystemdCgroup = false
`

const cniSettings = {
  cniVersion: '1.0.0',
  name: 'granary',
  plugins: [
    {
      type: 'bridge',
      bridge: bridgeName,
      isGateway: true,
      hairpinMode: true,
      ipam: {
        type: 'host-local',
        dataDir: '/run/cni',
        ranges: [[{ subnet: network.pods, gateway: network.node }]],
        routes: [{ dst: '0.0.0.0/0' }],
      },
    },
    { type: 'portmap', capabilities: { portMappings: true } },
  ],
}

const kubeletSettings = () => ({
  apiVersion: 'kubelet.config.k8s.io/v1beta1',
  kind: 'KubeletConfiguration',
  address: network.node,
  authentication: {
    anonymous: { enabled: false },
    webhook: { enabled: true },
    x509: { clientCAFile: certificatePaths(statePaths.certificates, 'ca').certificate },
  },
  authorization: { mode: 'Webhook' },
  tlsCertFile: certificatePaths(statePaths.certificates, 'kubelet').certificate,
  tlsPrivateKeyFile: certificatePaths(statePaths.certificates, 'kubelet').key,
  containerRuntimeEndpoint: `unix://${containerdSocket}`,
  cgroupDriver: 'cgroupfs',
  cgroupRoot: podCgroup,
  failCgroupV1: false,
  failSwapOn: false,
  enforceNodeAllocatable: [],
  localStorageCapacityIsolation: false,
  podLogsDir: join(stateDir, 'pod-logs'),
  // Nobody serves names here; a lookup is refused at once, and pods get no warning that there is no server.
  clusterDNS: [network.node],
  clusterDomain: 'cluster.local',
  resolvConf: join(stateDir, 'resolv.conf'),
  // The disk is the machine's own: how full it is says nothing about the cluster.
  evictionHard: { 'memory.available': '100Mi' },
  imageGCHighThresholdPercent: 100,
  imageGCLowThresholdPercent: 99,
  syncFrequency: '10s',
})

/** Writes the configuration of the runtime, its network and the kubelet. */
export const writeNodeSettings = async (): Promise<void> => {
  await mkdir(cniDir, { recursive: true })
  await writeFile(containerdConfig, containerdSettings)
  await writeFile(join(cniDir, '10-granary.conflist'), JSON.stringify(cniSettings, null, 2))
  await writeFile(kubeletConfig, JSON.stringify(kubeletSettings(), null, 2))
  await writeFile(join(stateDir, 'resolv.conf'), '')
}

/** The container runtime. */
export const containerd = (): Daemon => ({
  name: 'containerd',
  command: [programPath('containerd'), '--config', containerdConfig],
})

/** The node's agent. */
export const kubelet = (): Daemon => ({
  name: 'kubelet',
  command: [
    ...[programPath('kubelet'), '--config', kubeletConfig, '--kubeconfig', componentKubeconfig('node')],
    ...['--root-dir', statePaths.kubelet, '--cert-dir', join(statePaths.kubelet, 'pki')],
    ...['--hostname-override', nodeName, '--node-ip', network.node],
  ],
})

/** Makes ClusterIP services work; masquerading lets a pod reach a service whose answer comes from the same bridge. */
export const kubeProxy = (): Daemon => ({
  name: 'kube-proxy',
  command: [
    ...[programPath('kube-proxy'), '--kubeconfig', componentKubeconfig('proxy'), '--hostname-override', nodeName],
    ...['--proxy-mode', 'iptables', '--cluster-cidr', network.pods, '--masquerade-all'],
    ...['--conntrack-max-per-core', '0', '--conntrack-tcp-timeout-established', '0'],
    ...['--conntrack-tcp-timeout-close-wait', '0', '--metrics-bind-address', '127.0.0.1:10249'],
  ],
})
