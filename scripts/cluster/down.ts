import { rm } from 'node:fs/promises'
import { removeCgroups } from './cgroups.ts'
import { removeNetwork } from './network.ts'
import { stateDir } from './paths.ts'
import { destroySandbox, findSandbox } from './sandbox.ts'

/** Ends the cluster, whole or in pieces, and removes all it left. Where there is none it does nothing. */
export const down = async (): Promise<void> => {
  const sandbox = findSandbox()
  if (sandbox) await destroySandbox(sandbox)
  await removeNetwork()
  await removeCgroups()
  await rm(stateDir, { recursive: true, force: true })
}
