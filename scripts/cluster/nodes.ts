import { join } from 'node:path'
import { clusterCgroup } from './cgroups.ts'
import { network } from './network.ts'
import { stateDir, statePaths } from './paths.ts'

/** A node of the cluster: what distinguishes its runtime and its kubelet from the other one's on the same machine. */
export interface NodePlace {
  /** Name of the Node object. */
  readonly name: string
  readonly address: string
  /** The first and last address of its pods: both nodes' pods are on one link. */
  readonly pods: readonly [first: string, last: string]
  /** Behind the names of its daemons and certificates. */
  readonly suffix: string
  /** Whose kubeconfig its kubelet has. */
  readonly user: string
  /** Below it is all that its programs keep. */
  readonly dir: string
  /** The kubelet's root. */
  readonly kubelet: string
  /** Control group under which its kubelet makes those of pods. */
  readonly cgroup: string
}

/** The node that everything else runs beside, too. */
export const firstNode: NodePlace = {
  name: 'granary-node',
  address: network.node,
  pods: network.podRanges[0],
  suffix: '',
  user: 'node',
  dir: stateDir,
  kubelet: statePaths.kubelet,
  cgroup: `/${clusterCgroup}`,
}

/** A node with a network and mounts of its own, for what one node can't show: volumes that only one of two can use. */
export const secondNode: NodePlace = {
  name: 'granary-node-2',
  address: network.secondNode,
  pods: network.podRanges[1],
  suffix: '-2',
  user: 'node-2',
  dir: join(stateDir, 'node-2'),
  kubelet: join(stateDir, 'node-2', 'kubelet'),
  cgroup: `/${clusterCgroup}/node-2`,
}

export const nodes = [firstNode, secondNode] as const
