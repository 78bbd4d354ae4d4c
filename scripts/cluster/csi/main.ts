import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openApi } from '../api.ts'
import { firstNode, nodes } from '../nodes.ts'
import { statePaths } from '../paths.ts'
import { openDirectoryStore } from './directories.ts'
import { type Driver, drivers } from './drivers.ts'
import { serve } from './grpc.ts'
import { provision } from './provisioner.ts'
import { csiServices, registrationService } from './service.ts'
import { driverSocket } from './socket.ts'
import { openVolumeStore } from './volumes.ts'

/*
 * The CSI driver of the test cluster, on the node that it is told: volumes and snapshots on this machine's disk. On the first node also the provisioner
 * that a driver usually brings as a sidecar.
 */
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`)
const node = nodes.find(({ name }) => name === process.argv[2]) ?? firstNode
const files = await openVolumeStore(statePaths.volumes, node.name)
const directories = await openDirectoryStore(join(statePaths.volumes, 'shared'))
const storeOf = (driver: Driver) => (driver.shared ? directories : files)
const registry = join(node.kubelet, 'plugins_registry')
await mkdir(registry, { recursive: true })
for (const driver of Object.values(drivers)) {
  const socket = driverSocket(node, driver)
  await mkdir(dirname(socket), { recursive: true })
  await serve(socket, csiServices(driver, storeOf(driver), node.name), log)
  await serve(join(registry, `${driver.name}-reg.sock`), [registrationService(driver, socket, log)], log)
}
if (node === firstNode) await provision({ api: openApi(), storeOf, log }, new AbortController().signal)
