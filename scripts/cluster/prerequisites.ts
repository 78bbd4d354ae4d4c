import { spawn } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { run } from './shell.ts'

/** This machine can't run the cluster; the message says in one sentence why and what to do. */
export class Unsuitable extends Error {}

/** Debian package → a file of it without which the cluster can't run. */
const packages: Record<string, readonly string[]> = {
  runc: ['/usr/sbin/runc', '/usr/bin/runc', '/usr/local/sbin/runc', '/usr/local/bin/runc'],
  iproute2: ['/usr/sbin/ip', '/sbin/ip', '/usr/bin/ip'],
  iptables: ['/usr/sbin/iptables', '/sbin/iptables'],
  conntrack: ['/usr/sbin/conntrack', '/sbin/conntrack'],
  'containernetworking-plugins': ['/usr/lib/cni/bridge', '/opt/cni/bin/bridge'],
  'busybox-static': ['/bin/busybox', '/usr/bin/busybox'],
  openssl: ['/usr/bin/openssl'],
  e2fsprogs: ['/usr/sbin/mkfs.ext4', '/sbin/mkfs.ext4'],
  'util-linux': ['/usr/bin/nsenter', '/bin/nsenter'],
}

const missingPackages = (names: readonly string[]): string[] =>
  names.filter((name) => !packages[name]?.some((file) => existsSync(file)))

const isRoot = () => process.getuid?.() === 0

const canInstall = () => isRoot() && existsSync('/usr/bin/apt-get') && existsSync('/etc/debian_version')

const apt = (args: readonly string[]) =>
  new Promise<void>((resolve, reject) => {
    const environment = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' }
    const child = spawn('apt-get', ['-q', '-y', ...args], { stdio: ['ignore', 'ignore', 'inherit'], env: environment })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Unsuitable(`apt-get ${args.join(' ')} failed: install these packages by hand and try again.`))
    })
  })

/** Release of the Go that is installed, such as `1.26.8`; undefined when there is none. */
const goRelease = async (): Promise<string | undefined> => {
  const version = await run('go', ['version']).catch(() => '')
  return /go(\d+\.\d+\S*)/.exec(version)?.[1]
}

/** Go fetches the release that a module asks for by itself since 1.21. */
export const knowsToolchains = (release: string): boolean => {
  const [major = 0, minor = 0] = release.split('.').map((part) => Number.parseInt(part, 10))
  return major > 1 || (major === 1 && minor >= 21)
}

/** One sentence on why this machine can't build and run single servers for tests; undefined when it can. Changes nothing. */
export const whyNoServers = async (): Promise<string | undefined> => {
  if (process.platform !== 'linux') return `The servers of the tests need Linux; this is ${process.platform}.`
  const go = await goRelease()
  const install = 'install Go 1.26 or newer (https://go.dev/dl)'
  if (go === undefined) return `The cluster's programs are built from Go modules: ${install}.`
  if (!knowsToolchains(go)) return `The cluster's programs can't be built with Go ${go}: ${install}.`
  return whyNoPackages(['openssl', 'util-linux'])
}

/** One sentence on why this machine can't run the cluster at all; undefined when it can. Changes nothing. */
export const whyUnsuitable = async (): Promise<string | undefined> => {
  if (process.platform === 'linux' && !isRoot()) {
    return 'The test cluster needs root, for namespaces, mounts and containers: run this as root.'
  }
  return (await whyNoServers()) ?? whyNoPackages(Object.keys(packages))
}

const whyNoPackages = (names: readonly string[]): string | undefined => {
  const missing = missingPackages(names)
  if (missing.length === 0 || canInstall()) return undefined
  return `Programs are missing on this machine; install what Debian calls ${missing.join(', ')}.`
}

const install = async (names: readonly string[], log: (line: string) => void) => {
  const missing = missingPackages(names)
  if (missing.length === 0) return
  log(`installing system packages with apt-get: ${missing.join(' ')}`)
  await apt(['update'])
  await apt(['install', '--no-install-recommends', ...missing])
  const still = missingPackages(names)
  if (still.length > 0)
    throw new Unsuitable(`apt-get installed ${still.join(', ')}, but the programs are not where Debian has them.`)
}

/** Checks that single servers can run here, and installs what is missing where that can be done. Throws `Unsuitable`. */
export const ensureServerPrerequisites = async (log: (line: string) => void): Promise<void> => {
  const reason = await whyNoServers()
  if (reason) throw new Unsuitable(reason)
  await install(['openssl', 'util-linux'], log)
}

/** The same for the whole cluster. */
export const ensurePrerequisites = async (log: (line: string) => void): Promise<void> => {
  const reason = await whyUnsuitable()
  if (reason) throw new Unsuitable(reason)
  await install(Object.keys(packages), log)
  const filesystems = readFileSync('/proc/filesystems', 'utf8')
  for (const name of ['overlay', 'ext4']) {
    if (!filesystems.includes(`\t${name}\n`)) await run('modprobe', [name]).catch(() => {})
  }
}
