import { join } from 'node:path'
import { statePaths } from '../paths.ts'
import type { Driver } from './drivers.ts'

/** Where a driver serves CSI. */
export const driverSocket = (driver: Driver): string => join(statePaths.kubelet, 'plugins', driver.name, 'csi.sock')
