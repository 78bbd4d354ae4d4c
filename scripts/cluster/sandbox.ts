import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, readFile, rm, rmdir, writeFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { statePaths } from './paths.ts'
import { identify, isAlive, type ProcessIdentity, readAlive } from './processes.ts'
import { waitFor } from './wait.ts'

/*
 * The cluster lives in one sandbox: a PID, mount and network namespace whose first process is a sleep. Ending that one
 * process ends every daemon and container, and takes all mounts, interfaces and packet filter rules along, so nothing
 * can be left behind, not even by a kill -9.
 */

// /proc is still the outer one when the first line reads it: that is how the process learns its number outside.
// /run, /var/log and two more become file systems of the sandbox: programs have places there that no flag moves.
// With SIGCHLD ignored the kernel reaps what is orphaned in the sandbox, so the sleep need not.
const firstProcess = `
  set -e
  read -r pid rest < /proc/self/stat
  mount -t proc proc /proc
  mount -t tmpfs tmpfs /run
  mount -t tmpfs tmpfs /var/log
  mkdir -p /run/lock /var/lib/cni /var/lib/kubelet
  mount -t tmpfs tmpfs /var/lib/cni
  mount -t tmpfs tmpfs /var/lib/kubelet
  ip link set lo up
  echo "$pid" > "$1"
  trap '' CHLD
  exec sleep infinity
`

/** The sandbox that runs, if one does. */
export const findSandbox = (): ProcessIdentity | undefined => readAlive(statePaths.sandbox)

/** Makes a new sandbox. There must be none. */
export const createSandbox = async (): Promise<ProcessIdentity> => {
  await mkdir(dirname(statePaths.sandbox), { recursive: true, mode: 0o755 })
  const pidFile = `${statePaths.sandbox}.pid`
  await rm(pidFile, { force: true })
  const namespaces = ['--mount', '--propagation', 'private', '--net', '--pid', '--fork', '--kill-child']
  const child = spawn('unshare', [...namespaces, 'sh', '-c', firstProcess, 'sandbox', pidFile], {
    detached: true,
    stdio: 'ignore',
  })
  child.unref()
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  const written = async () => {
    if (ended) throw new Error('the namespaces of the cluster could not be made: unshare failed; is this user root?')
    return existsSync(pidFile) && (await readFile(pidFile, 'utf8')).endsWith('\n')
  }
  await waitFor('the namespaces of the cluster', written, 20)
  const identity = identify(Number(await readFile(pidFile, 'utf8')))
  if (identity === undefined) throw new Error('the first process of the cluster ended at once')
  await writeFile(statePaths.sandbox, JSON.stringify(identity))
  return identity
}

/** Ends everything in the sandbox and waits until it is gone. */
export const destroySandbox = async (sandbox: ProcessIdentity): Promise<void> => {
  if (isAlive(sandbox)) process.kill(sandbox.pid, 'SIGKILL')
  // The first process of a PID namespace goes last, after everyone in it.
  await waitFor('the processes of the cluster to end', async () => !isAlive(sandbox), 60)
}

/** Removes the empty directories that the sandbox mounted on; what has anything in it is somebody else's and stays. */
export const removeMountPoints = async (): Promise<void> => {
  for (const dir of ['/var/lib/cni', '/var/lib/kubelet']) await rmdir(dir).catch(() => {})
}

/** Arguments for nsenter that run a command inside. */
export const enterArguments = (sandbox: ProcessIdentity, command: readonly string[]): string[] => [
  ...['--target', `${sandbox.pid}`, '--mount', '--net', '--pid', '--wd=/'],
  ...['--', ...command],
]

/** Path of a file of the sandbox as seen from outside. */
export const fromOutside = (sandbox: ProcessIdentity, path: string): string => join(`/proc/${sandbox.pid}/root`, path)
