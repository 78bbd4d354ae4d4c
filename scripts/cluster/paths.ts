import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/** The repository's root: one tree, whatever the working directory of the caller is. */
export const repository = dirname(dirname(dirname(fileURLToPath(import.meta.url))))

/** Everything the cluster keeps between runs. `GRANARY_CACHE` moves it. */
export const cacheDir = process.env.GRANARY_CACHE ?? join(homedir(), '.cache', 'granary')

/** Built programs, by name, each with a stamp of the pins it was built from. */
export const binDir = join(cacheDir, 'bin')

/**
 * Everything of the running cluster; `down` removes it. One fixed place, as one machine has one cluster, and as
 * whoever comes next must find what a killed one left.
 */
export const stateDir = '/var/lib/granary-cluster'

/** Places in the state directory that more than one part uses. */
export const statePaths = {
  sandbox: join(stateDir, 'sandbox.json'),
  certificates: join(stateDir, 'certificates'),
  logs: join(stateDir, 'logs'),
  daemons: join(stateDir, 'daemons'),
  kubeconfig: join(stateDir, 'admin.kubeconfig'),
  s3: join(stateDir, 's3.json'),
  buckets: join(stateDir, 's3'),
  kubelet: join(stateDir, 'kubelet'),
  volumes: join(stateDir, 'volumes'),
  /** Exists once `up` has finished: without it the cluster is a half-made one. */
  complete: join(stateDir, 'complete'),
} as const

/** Kubeconfig of a component with a certificate of its own. */
export const componentKubeconfig = (user: string): string => join(stateDir, `${user}.kubeconfig`)

// Inside the sandbox /run is a file system of its own.
/** The container runtime's socket; it exists only inside the sandbox. */
export const containerdSocket = '/run/containerd/containerd.sock'
