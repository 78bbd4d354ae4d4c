import { createHash } from 'node:crypto'
import { existsSync } from 'node:fs'
import { chmod, copyFile, mkdir, mkdtemp, readdir, readFile, rename, rm, symlink, writeFile } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { pauseImage } from './node.ts'
import { cacheDir, containerdSocket, repository, stateDir } from './paths.ts'
import type { ProcessIdentity } from './processes.ts'
import { programPath } from './programs.ts'
import { enterArguments } from './sandbox.ts'
import { run } from './shell.ts'

/** Image of operator and movers, and of test Jobs: Node.js, the bundle, and a shell with the usual tools. */
export const granaryImage = 'docker.io/library/granary:dev'

const busybox = '/bin/busybox'
const authorities = '/etc/ssl/certs/ca-certificates.crt'
const bundle = join(repository, 'dist')

const digestOf = (bytes: Buffer | string) => createHash('sha256').update(bytes).digest('hex')

/** Packs a directory as a layer: same content, same bytes. */
const pack = async (root: string, file: string) => {
  const owned = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=@0']
  await run('tar', ['-C', root, ...owned, '-cf', `${file}.new`, '.'])
  await rename(`${file}.new`, file)
}

const addShell = async (root: string) => {
  for (const dir of ['bin', 'tmp', 'etc']) await mkdir(join(root, dir), { recursive: true })
  await chmod(join(root, 'tmp'), 0o1777)
  await copyFile(busybox, join(root, 'bin', 'busybox'))
  const tools = (await run(busybox, ['--list'])).trim().split('\n')
  for (const tool of tools) if (tool !== 'busybox') await symlink('busybox', join(root, 'bin', tool))
  const users = 'root:x:0:0:root:/:/bin/sh\ngranary:x:65532:65532:granary:/tmp:/bin/sh\n'
  await writeFile(join(root, 'etc', 'passwd'), users)
  await writeFile(join(root, 'etc', 'group'), 'root:x:0:\ngranary:x:65532:\n')
}

const addNode = async (root: string) => {
  const target = join(root, 'usr', 'local', 'bin', 'node')
  await mkdir(dirname(target), { recursive: true })
  await copyFile(process.execPath, target)
  await chmod(target, 0o755)
  const libraries = (await run('ldd', [process.execPath])).matchAll(/(\/\S+) \(0x/g)
  for (const [, library = ''] of libraries) {
    await mkdir(join(root, dirname(library)), { recursive: true })
    await copyFile(library, join(root, library))
  }
  if (!existsSync(authorities)) return
  await mkdir(join(root, dirname(authorities)), { recursive: true })
  await copyFile(authorities, join(root, authorities))
}

/** Makes a layer once and keeps it under a name that tells what it was made of. */
const layer = async (name: string, madeOf: string, fill: (root: string) => Promise<void>): Promise<string> => {
  const dir = join(cacheDir, 'layers')
  await mkdir(dir, { recursive: true })
  const file = join(dir, `${name}-${digestOf(madeOf).slice(0, 16)}.tar`)
  if (existsSync(file)) return file
  const root = await mkdtemp(join(dir, 'root-'))
  try {
    await fill(root)
    await chmod(root, 0o755)
    await pack(root, file)
  } finally {
    await rm(root, { recursive: true, force: true })
  }
  return file
}

const load = async (places: readonly ProcessIdentity[], tag: string, layers: readonly string[], config: object) => {
  const dir = await mkdtemp(join(stateDir, 'image-'))
  try {
    const digests = await Promise.all(layers.map(async (file) => digestOf(await readFile(file))))
    const rootfs = { type: 'layers', diff_ids: digests.map((digest) => `sha256:${digest}`) }
    const settings = JSON.stringify({ architecture: goArchitecture(), os: 'linux', config, rootfs })
    const names = layers.map((file) => basename(file))
    await writeFile(join(dir, 'config.json'), settings)
    const manifest = [{ Config: 'config.json', RepoTags: [tag], Layers: names }]
    await writeFile(join(dir, 'manifest.json'), JSON.stringify(manifest))
    const archive = join(dir, 'image.tar')
    await run('tar', ['-C', dir, '-cf', archive, 'manifest.json', 'config.json', '-C', dirname(layers[0]!), ...names])
    const ctr = [programPath('ctr'), '--address', containerdSocket, '--namespace', 'k8s.io']
    const command = [...ctr, 'images', 'import', archive]
    await Promise.all(places.map((place) => run('nsenter', enterArguments(place, command))))
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

const goArchitecture = () => (process.arch === 'x64' ? 'amd64' : process.arch)

/** Loads the image that holds pods' namespaces on these nodes. */
export const loadPauseImage = async (places: readonly ProcessIdentity[]): Promise<void> => {
  const shell = await layer('shell', await fileStamp(busybox), addShell)
  await load(places, pauseImage, [shell], { Entrypoint: ['/bin/sleep', '2147483647'], User: '65535:65535' })
}

/** Loads Granary's image as `npm run build` left it, unless this very content is loaded. Returns whether it was new. */
export const loadGranaryImage = async (places: readonly ProcessIdentity[]): Promise<boolean> => {
  const base = [process.version, await fileStamp(process.execPath), await fileStamp(busybox)].join()
  const files = (await readdir(bundle)).filter((name) => name.endsWith('.js')).sort()
  const contents = await Promise.all(files.map((name) => fileStamp(join(bundle, name))))
  const content = digestOf(contents.join())
  const stamp = digestOf(`${base}${content}`)
  const stampFile = join(stateDir, 'granary-image')
  if (existsSync(stampFile) && (await readFile(stampFile, 'utf8')) === stamp) return false
  const system = await layer('system', base, async (root) => {
    await addShell(root)
    await addNode(root)
  })
  const appRoot = await mkdtemp(join(stateDir, 'app-'))
  const app = join(dirname(system), `app-${content.slice(0, 16)}.tar`)
  try {
    await mkdir(join(appRoot, 'app', 'dist'), { recursive: true })
    for (const name of files) await copyFile(join(bundle, name), join(appRoot, 'app', 'dist', name))
    await chmod(appRoot, 0o755)
    await pack(appRoot, app)
    await load(places, granaryImage, [system, app], {
      Entrypoint: ['/usr/local/bin/node', '--max-semi-space-size=8', '/app/dist/main.js'],
      Env: ['PATH=/usr/local/bin:/bin', 'NODE_ENV=production'],
      User: '65532:65532',
      WorkingDir: '/app',
    })
  } finally {
    await rm(appRoot, { recursive: true, force: true })
    await rm(app, { force: true })
  }
  await writeFile(stampFile, stamp)
  return true
}

const fileStamp = async (file: string) => digestOf(await readFile(file))
