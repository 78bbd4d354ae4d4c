import { spawn } from 'node:child_process'

const lockFile = '/run/granary-cluster.lock'

/**
 * Does work that nobody else on this machine may do at the same time: starting and ending the one cluster. The lock
 * goes when this process ends, however that happens.
 */
export const withLock = async <T>(log: (line: string) => void, work: () => Promise<T>): Promise<T> => {
  const holder = spawn('flock', [lockFile, 'sh', '-c', 'echo locked; exec cat'], { stdio: ['pipe', 'pipe', 'inherit'] })
  const waits = setTimeout(() => log('waiting for another run that starts or ends the cluster'), 500)
  try {
    await new Promise<void>((resolve, reject) => {
      holder.once('error', reject)
      holder.once('exit', () => reject(new Error(`${lockFile} could not be locked`)))
      holder.stdout.once('data', () => resolve())
    })
    clearTimeout(waits)
    return await work()
  } finally {
    clearTimeout(waits)
    holder.removeAllListeners('exit')
    holder.stdin.end()
  }
}
