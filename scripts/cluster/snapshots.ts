import { drivers } from './csi/drivers.ts'
import { driverSocket } from './csi/socket.ts'
import type { Daemon } from './daemon.ts'
import { repository, statePaths } from './paths.ts'
import { programPath } from './programs.ts'

/** The CSI driver of the tests; it runs on the Node.js that runs this. */
export const csiDriver = (): Daemon => ({
  name: 'csi-driver',
  command: [process.execPath, `${repository}/scripts/cluster/csi/main.ts`],
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
  command: [programPath('csi-snapshotter'), ...common, '--csi-address', driverSocket(drivers.dir)],
})
