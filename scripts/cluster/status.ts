import { existsSync } from 'node:fs'
import { daemonRuns, startedDaemons } from './daemon.ts'
import { statePaths } from './paths.ts'
import { findSandbox } from './sandbox.ts'

/** Whether the last `up` came to its end. */
export const isComplete = (): boolean => existsSync(statePaths.complete)

/** Daemons that were started and have ended since. */
export const stoppedDaemons = (): string[] => startedDaemons().filter((name) => !daemonRuns(name))

/** One line for each daemon, and whether the cluster as a whole can be used. */
export const status = (): { usable: boolean; lines: string[] } => {
  if (!findSandbox()) return { usable: false, lines: ['No cluster runs: npm run cluster -- up'] }
  const lines = startedDaemons().map((name) => `${name.padEnd(24)} ${daemonRuns(name) ? 'running' : 'ended'}`)
  const usable = isComplete() && stoppedDaemons().length === 0
  return {
    usable,
    lines: usable ? lines : [...lines, 'The cluster is not whole: npm run cluster -- up makes it anew.'],
  }
}
