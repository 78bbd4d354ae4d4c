import { spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { binDir, repository } from './paths.ts'

/** The release of Kubernetes that go/kubernetes/go.mod pins; the programs report it as their version. */
export const kubernetesVersion = 'v1.36.3'

const kubernetes = (name: string) => ({ group: 'kubernetes', package: `k8s.io/kubernetes/cmd/${name}` })
const containerd = (name: string) => ({
  group: 'containerd',
  package: `github.com/containerd/containerd/v2/cmd/${name}`,
})
const snapshotter = (name: string) => ({
  group: 'snapshotter',
  package: `github.com/kubernetes-csi/external-snapshotter/v8/cmd/${name}`,
})

/** The programs of the cluster, in the order in which a first build makes them: what tests need comes first. */
const ofCluster = {
  etcd: { group: 'etcd', package: 'go.etcd.io/etcd/server/v3' },
  versitygw: { group: 'versitygw', package: 'github.com/versity/versitygw/cmd/versitygw' },
  'kube-apiserver': kubernetes('kube-apiserver'),
  'kube-controller-manager': kubernetes('kube-controller-manager'),
  'kube-scheduler': kubernetes('kube-scheduler'),
  kubelet: kubernetes('kubelet'),
  'kube-proxy': kubernetes('kube-proxy'),
  kubectl: kubernetes('kubectl'),
  containerd: containerd('containerd'),
  'containerd-shim-runc-v2': containerd('containerd-shim-runc-v2'),
  ctr: containerd('ctr'),
  'snapshot-controller': snapshotter('snapshot-controller'),
  'csi-snapshotter': snapshotter('csi-snapshotter'),
} as const

/** Object stores that only tests and benchmarks start, and what benchmarks compare with: built when one of them asks. */
const ofTests = {
  'fake-gcs-server': { group: 'fake-gcs', package: 'github.com/fsouza/fake-gcs-server' },
  minio: { group: 'minio', package: 'github.com/minio/minio' },
  s5cmd: { group: 's5cmd', package: 'github.com/peak/s5cmd/v2' },
  rclone: { group: 'rclone', package: 'github.com/rclone/rclone' },
} as const

const sources = { ...ofCluster, ...ofTests }

export type Program = keyof typeof sources

/** All programs of the cluster, in build order. */
export const allPrograms = Object.keys(ofCluster) as Program[]

/** Where a program lies once it was built. Says nothing about whether it was: see `ensurePrograms`. */
export const programPath = (name: Program): string => join(binDir, name)

const moduleDir = (name: Program) => join(repository, 'scripts', 'cluster', 'go', sources[name].group)

// Without the version stamp Kubernetes calls itself v0.0.0, which clients take for an ancient server.
const linkFlags = (name: Program): string => {
  if (sources[name].group !== 'kubernetes') return '-s -w'
  const [major, minor] = kubernetesVersion.slice(1).split('.')
  const stamps = { gitVersion: kubernetesVersion, gitMajor: major, gitMinor: minor, gitTreeState: 'clean' }
  const base = 'k8s.io/component-base/version'
  return ['-s -w', ...Object.entries(stamps).map(([key, value]) => `-X ${base}.${key}=${value}`)].join(' ')
}

const goArguments = (name: Program) => ['build', '-trimpath', '-buildvcs=false', '-ldflags', linkFlags(name)]

/** Changes whenever what the program would be built from changes. */
const stampOf = (name: Program): string => {
  const hash = createHash('sha256').update(JSON.stringify([sources[name], goArguments(name)]))
  for (const file of ['go.mod', 'go.sum']) hash.update(readFileSync(join(moduleDir(name), file)))
  return hash.digest('hex')
}

const isBuilt = (name: Program): boolean => {
  try {
    return existsSync(programPath(name)) && readFileSync(`${programPath(name)}.stamp`, 'utf8') === stampOf(name)
  } catch {
    return false
  }
}

// Two callers may want the same program at once: the second waits for the first one's lock and finds it made.
const buildScript = `
  set -e
  program=$1 stamp=$2; shift 2
  [ -e "$program" ] && [ "$(cat "$program.stamp" 2>/dev/null)" = "$stamp" ] && exit 0
  trap 'rm -f "$program.new"' EXIT
  "$@"
  rm -f "$program.stamp"
  mv "$program.new" "$program"
  printf %s "$stamp" > "$program.stamp"
`

const build = (name: Program): Promise<void> => {
  const target = programPath(name)
  const go = ['go', ...goArguments(name), '-o', `${target}.new`, sources[name].package]
  const locked = ['--no-fork', `${target}.lock`, 'sh', '-c', buildScript, 'build', target, stampOf(name), ...go]
  return new Promise((resolve, reject) => {
    const child = spawn('flock', locked, {
      cwd: moduleDir(name),
      env: { ...process.env, CGO_ENABLED: '0', GOFLAGS: '-mod=readonly', GOWORK: 'off' },
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let errors = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      errors = (errors + text).slice(-4000)
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`building ${name} failed (exit ${code}): ${errors.trim()}`))
    })
  })
}

/** Builds those of the programs that are missing or were built from other pins, one after the other. */
export const ensurePrograms = async (
  names: readonly Program[],
  log: (line: string) => void = () => {},
): Promise<void> => {
  await mkdir(binDir, { recursive: true })
  const missing = names.filter((name) => !isBuilt(name))
  if (missing.length === allPrograms.length)
    log('building the programs of the cluster, once: some 10 to 15 minutes on 2 cores')
  for (const [index, name] of missing.entries()) {
    log(`building ${name} (${index + 1} of ${missing.length}) …`)
    const start = Date.now()
    await build(name)
    log(`built ${name} in ${Math.round((Date.now() - start) / 1000)} s`)
  }
}
