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

/** Turns VolumeSnapshots into contents. */
export const snapshotController = (): Daemon => ({
  name: 'snapshot-controller',
  command: [programPath('snapshot-controller'), '--kubeconfig', statePaths.kubeconfig, '--retry-interval-start=200ms'],
})

/** Turns contents into calls of the driver. */
export const csiSnapshotter = (): Daemon => ({
  name: 'csi-snapshotter',
  command: [
    ...[programPath('csi-snapshotter'), '--kubeconfig', statePaths.kubeconfig],
    ...['--csi-address', driverSocket(drivers.dir), '--retry-interval-start=200ms'],
  ],
})
