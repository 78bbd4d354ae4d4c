import { drivers } from './csi/drivers.ts'
import { driverSocket } from './csi/socket.ts'
import type { Daemon } from './daemon.ts'
import { firstNode, type NodePlace } from './nodes.ts'
import { repository, statePaths } from './paths.ts'
import { programPath } from './programs.ts'

/** The CSI driver of the tests on a node; it runs on the Node.js that runs this. */
export const csiDriver = (node: NodePlace): Daemon => ({
  name: `csi-driver${node.suffix}`,
  command: [process.execPath, `${repository}/scripts/cluster/csi/main.ts`, node.name],
})

// Group snapshots have definitions of their own, for which the controller would wait half a minute.
const common = [
  '--kubeconfig',
  statePaths.kubeconfig,
  '--retry-interval-start=200ms',
  '--feature-gates=CSIVolumeGroupSnapshot=false',
]

/** Turns VolumeSnapshots into contents. */
export const snapshotController = (): Daemon => ({
  name: 'snapshot-controller',
  command: [programPath('snapshot-controller'), ...common],
})

/** Turns contents into calls of the driver. */
export const csiSnapshotter = (): Daemon => ({
  name: 'csi-snapshotter',
  command: [programPath('csi-snapshotter'), ...common, '--csi-address', driverSocket(firstNode, drivers.dir)],
})
