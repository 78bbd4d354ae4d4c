import { rm } from 'node:fs/promises'
import { removeCgroups } from './cgroups.ts'
import { withLock } from './lock.ts'
import { removeNetwork } from './network.ts'
import { stateDir } from './paths.ts'
import { destroySandbox, findSandbox, removeMountPoints } from './sandbox.ts'
import { restoreKernelSettings } from './sysctl.ts'

/** Ends the cluster, whole or in pieces, and removes all it left. Where there is none it does nothing. */
export const down = (log: (line: string) => void): Promise<void> => withLock(log, removeCluster)

/** The same for a caller that holds the lock. */
export const removeCluster = async (): Promise<void> => {
  const sandbox = findSandbox()
  if (sandbox) await destroySandbox(sandbox)
  await removeNetwork()
  await removeCgroups()
  await removeMountPoints()
  await restoreKernelSettings()
  await rm(stateDir, { recursive: true, force: true })
}
