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

const missingPackages = (): string[] =>
  Object.entries(packages)
    .filter(([, files]) => !files.some((file) => existsSync(file)))
    .map(([name]) => name)

const isDebian = () => existsSync('/usr/bin/apt-get') && existsSync('/etc/debian_version')

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

/** One sentence on why this machine can't run the cluster at all; undefined when it can. Installs and changes nothing. */
export const whyUnsuitable = async (): Promise<string | undefined> => {
  if (process.platform !== 'linux') return `The test cluster needs Linux; this is ${process.platform}.`
  if (process.getuid?.() !== 0)
    return 'The test cluster needs root, for namespaces, mounts and containers: run this as root.'
  const go = await goRelease()
  const install = 'install Go 1.26 or newer (https://go.dev/dl)'
  if (go === undefined) return `The test cluster builds its programs from Go modules: ${install}.`
  if (!knowsToolchains(go)) return `The test cluster can't be built with Go ${go}: ${install}.`
  const missing = missingPackages()
  if (missing.length === 0 || isDebian()) return undefined
  return `The test cluster needs programs that are not here; install what Debian calls ${missing.join(', ')}.`
}

/** Checks this machine and installs what is missing where that can be done. Throws `Unsuitable` when it can't. */
export const ensurePrerequisites = async (log: (line: string) => void): Promise<void> => {
  const reason = await whyUnsuitable()
  if (reason) throw new Unsuitable(reason)
  const missing = missingPackages()
  if (missing.length > 0) {
    log(`installing system packages with apt-get: ${missing.join(' ')}`)
    await apt(['update'])
    await apt(['install', '--no-install-recommends', ...missing])
  }
  const filesystems = readFileSync('/proc/filesystems', 'utf8')
  for (const name of ['overlay', 'ext4']) {
    if (!filesystems.includes(`\t${name}\n`)) await run('modprobe', [name]).catch(() => {})
  }
}
