import { existsSync } from 'node:fs'
import { mkdir, open, readdir, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { run } from '../shell.ts'

/** The smallest file system that ext4 can make something of. */
const smallest = 1 << 20

/**
 * Volumes and snapshots as files, each with an ext4 file system of exactly the asked size: a full volume says ENOSPC,
 * and owners, modes and read-only mounts are those of a real disk. Every call may be repeated.
 */
export interface VolumeStore {
  /** Makes an empty volume, or one with the content of a volume or snapshot. Returns its size in bytes. */
  createVolume(id: string, size: number, from?: { volume?: string; snapshot?: string }): Promise<number>
  deleteVolume(id: string): Promise<void>
  /** Copies what the volume holds at this moment. Returns size and time of the snapshot. */
  createSnapshot(id: string, volume: string): Promise<{ size: number; created: Date }>
  deleteSnapshot(id: string): Promise<void>
  /** Size of a volume or snapshot, undefined when there is none. */
  sizeOf(kind: 'volume' | 'snapshot', id: string): Promise<number | undefined>
  /** Mounts a volume on a directory, which is made. Refused where another node may write to it, or reads it and this one wants to write. */
  mount(id: string, directory: string, options: readonly string[]): Promise<void>
  unmount(id: string, directory: string): Promise<void>
}

/** Where a node has mounted a volume, as every process of the cluster can reach it. */
interface Mounted {
  path: string
  readOnly: boolean
}

/** Opens the store of a directory for a node; what is there from before is found again, by the other node too. */
export const openVolumeStore = async (dir: string, node: string): Promise<VolumeStore> => {
  const places = { volume: join(dir, 'volumes'), snapshot: join(dir, 'snapshots') }
  for (const place of Object.values(places)) await mkdir(place, { recursive: true })
  const image = (kind: 'volume' | 'snapshot', id: string) => {
    if (!/^[\w.-]+$/.test(id)) throw new Error(`not an id of this driver: ${id}`)
    return join(places[kind], `${id}.img`)
  }
  const mountNote = (id: string) => `${image('volume', id)}.on-${node}`

  const mountsOf = async (id: string): Promise<(Mounted & { node: string })[]> => {
    const start = `${id}.img.on-`
    const notes = (await readdir(places.volume)).filter((name) => name.startsWith(start))
    return Promise.all(
      notes.map(async (name) => ({
        ...(JSON.parse(await readFile(join(places.volume, name), 'utf8')) as Mounted),
        node: name.slice(start.length),
      })),
    )
  }

  const sizeOf = async (kind: 'volume' | 'snapshot', id: string) =>
    existsSync(image(kind, id)) ? (await stat(image(kind, id))).size : undefined

  /** Copies an image; one that is mounted is frozen meanwhile, so that the copy is a consistent file system. */
  const copy = async (kind: 'volume' | 'snapshot', id: string, target: string) => {
    const mounts = kind === 'volume' ? await mountsOf(id) : []
    const mounted = mounts.find(({ readOnly }) => !readOnly)?.path
    if (mounted) await run('fsfreeze', ['--freeze', mounted])
    try {
      await run('cp', ['--sparse=always', '--reflink=auto', image(kind, id), target])
    } finally {
      if (mounted) await run('fsfreeze', ['--unfreeze', mounted])
    }
  }

  const fill = async (file: string, size: number, from: { volume?: string; snapshot?: string }) => {
    const [kind, id] = from.snapshot ? (['snapshot', from.snapshot] as const) : (['volume', from.volume] as const)
    if (id) await copy(kind, id, file)
    const handle = await open(file, 'a')
    await handle.truncate(size)
    await handle.close()
    if (id) {
      // A copy of something smaller is widened; e2fsck is what resize2fs insists on. 1: it mended what the copy of a mounted volume lacks.
      await run('e2fsck', ['-f', '-p', file], [0, 1])
      await run('resize2fs', [file])
    } else {
      const options = ['-O', '^has_journal', '-E', 'lazy_itable_init=1,nodiscard', '-m', '0']
      await run('mkfs.ext4', ['-q', '-F', ...options, file])
    }
  }

  return {
    sizeOf,
    createVolume: async (id, wanted, from = {}) => {
      const existing = await sizeOf('volume', id)
      if (existing !== undefined) return existing
      const size = Math.ceil(Math.max(wanted, smallest) / 4096) * 4096
      const file = image('volume', id)
      await rm(`${file}.new`, { force: true })
      await fill(`${file}.new`, size, from)
      await rename(`${file}.new`, file)
      return size
    },
    deleteVolume: (id) => rm(image('volume', id), { force: true }),
    createSnapshot: async (id, volume) => {
      const file = image('snapshot', id)
      if (!existsSync(file)) {
        await rm(`${file}.new`, { force: true })
        await copy('volume', volume, `${file}.new`)
        await rename(`${file}.new`, file)
      }
      const made = await stat(file)
      return { size: made.size, created: made.mtime }
    },
    deleteSnapshot: (id) => rm(image('snapshot', id), { force: true }),
    mount: async (id, directory, options) => {
      await mkdir(directory, { recursive: true })
      if (await isMounted(directory)) return
      const readOnly = options.includes('ro')
      const elsewhere = (await mountsOf(id)).find((one) => one.node !== node && !(readOnly && one.readOnly))
      if (elsewhere) throw new Error(`volume ${id} is in use on node ${elsewhere.node}`)
      await run('mount', ['-o', ['loop', ...options].join(), image('volume', id), directory])
      // The other node's driver doesn't see this mount but by this process.
      const note: Mounted = { path: `/proc/${process.pid}/root${directory}`, readOnly }
      await writeFile(mountNote(id), JSON.stringify(note))
    },
    unmount: async (id, directory) => {
      await rm(mountNote(id), { force: true })
      await unmountIfMounted(directory)
    },
  }
}

/** Whether a file system is mounted on exactly this directory. */
export const isMounted = async (directory: string): Promise<boolean> => {
  const points = (await readFile('/proc/self/mountinfo', 'utf8')).split('\n').map((line) => line.split(' ')[4])
  return points.includes(directory)
}

/** Mounts a directory on another one, which is made. */
export const bindMount = async (source: string, directory: string, readOnly: boolean): Promise<void> => {
  await mkdir(directory, { recursive: true })
  if (await isMounted(directory)) return
  await run('mount', ['--bind', source, directory])
  // A bind mount takes `ro` only when it is mounted a second time.
  if (readOnly) await run('mount', ['-o', 'remount,bind,ro', directory])
}

/** Unmounts and removes a mount point; one that is neither is no error. */
export const unmountIfMounted = async (directory: string): Promise<void> => {
  while (await isMounted(directory)) await run('umount', [directory])
  await rmdir(directory).catch(() => {})
}
