import { type ChildProcess, spawn } from 'node:child_process'
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

const pidWritten = async (child: ChildProcess, pidFile: string, what: string) => {
  let ended = false
  child.once('exit', () => {
    ended = true
  })
  const written = async () => {
    if (ended) throw new Error(`${what} could not be made: unshare failed; is this user root?`)
    return existsSync(pidFile) && (await readFile(pidFile, 'utf8')).endsWith('\n')
  }
  await waitFor(what, written, 20)
}

const identityIn = async (pidFile: string): Promise<ProcessIdentity> => {
  const identity = identify(Number(await readFile(pidFile, 'utf8')))
  if (identity === undefined) throw new Error('the first process of a place in the cluster ended at once')
  return identity
}

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
  await pidWritten(child, pidFile, 'the namespaces of the cluster')
  const identity = await identityIn(pidFile)
  await writeFile(statePaths.sandbox, JSON.stringify(identity))
  return identity
}

// Of the sandbox's processes, with a network and mounts of its own. It learns its number outside before it takes the sandbox's mounts, /proc among them.
const secondPlace = `
  set -e
  read -r pid rest < /proc/self/stat
  exec nsenter --mount="/proc/$1/ns/mnt" --wd=/ unshare --mount --propagation private --net sh -c '
    for dir in /run /var/log /var/lib/cni /var/lib/kubelet; do mount -t tmpfs tmpfs "$dir"; done
    mkdir -p /run/lock
    ip link set lo up
    echo "$2" > "$1"
    exec sleep infinity
  ' second-node "$2" "$pid"
`

/** A place in the sandbox for one more node: its own network and mounts; it ends with the sandbox. */
export const createPlace = async (sandbox: ProcessIdentity, pidFile: string): Promise<ProcessIdentity> => {
  const inside = ['--target', `${sandbox.pid}`, '--pid', '--net']
  const command = ['sh', '-c', secondPlace, 'second-node', `${sandbox.pid}`, pidFile]
  const child = spawn('nsenter', [...inside, '--', ...command], { detached: true, stdio: 'ignore' })
  child.unref()
  await pidWritten(child, pidFile, 'the place of the second node')
  return identityIn(pidFile)
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
