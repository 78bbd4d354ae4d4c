import { mkdir } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { openApi } from '../api.ts'
import { nodeName } from '../control-plane.ts'
import { statePaths } from '../paths.ts'
import { drivers } from './drivers.ts'
import { serve } from './grpc.ts'
import { provision } from './provisioner.ts'
import { csiServices, registrationService } from './service.ts'
import { driverSocket } from './socket.ts'
import { openVolumeStore } from './volumes.ts'

/*
 * The CSI driver of the test cluster: volumes and snapshots on this machine's disk, and the provisioner that a driver
 * usually brings as a sidecar.
 */
const log = (line: string) => console.log(`${new Date().toISOString()} ${line}`)
const store = await openVolumeStore(statePaths.volumes)
const registry = join(statePaths.kubelet, 'plugins_registry')
await mkdir(registry, { recursive: true })
for (const driver of Object.values(drivers)) {
  const socket = driverSocket(driver)
  await mkdir(dirname(socket), { recursive: true })
  await serve(socket, csiServices(driver, store, nodeName), log)
  await serve(join(registry, `${driver.name}-reg.sock`), [registrationService(driver, socket, log)], log)
}
await provision({ api: openApi(), store, node: nodeName, log }, new AbortController().signal)
