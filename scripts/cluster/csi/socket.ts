import { join } from 'node:path'
import type { NodePlace } from '../nodes.ts'
import type { Driver } from './drivers.ts'

/** Where a driver serves CSI on a node. */
export const driverSocket = (node: NodePlace, driver: Driver): string =>
  join(node.kubelet, 'plugins', driver.name, 'csi.sock')
