import { existsSync } from 'node:fs'
import { mkdir, open, readFile, rename, rm, rmdir, stat, writeFile } from 'node:fs/promises'
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
  /** Mounts a volume on a directory, which is made. */
  mount(id: string, directory: string): Promise<void>
  unmount(id: string, directory: string): Promise<void>
}

/** Opens the store of a directory; what is there from before is found again. */
export const openVolumeStore = async (dir: string): Promise<VolumeStore> => {
  const places = { volume: join(dir, 'volumes'), snapshot: join(dir, 'snapshots') }
  for (const place of Object.values(places)) await mkdir(place, { recursive: true })
  const image = (kind: 'volume' | 'snapshot', id: string) => {
    if (!/^[\w.-]+$/.test(id)) throw new Error(`not an id of this driver: ${id}`)
    return join(places[kind], `${id}.img`)
  }
  const mountNote = (id: string) => `${image('volume', id)}.mounted`

  const sizeOf = async (kind: 'volume' | 'snapshot', id: string) =>
    existsSync(image(kind, id)) ? (await stat(image(kind, id))).size : undefined

  /** Copies an image; one that is mounted is frozen meanwhile, so that the copy is a consistent file system. */
  const copy = async (kind: 'volume' | 'snapshot', id: string, target: string) => {
    const mounted = kind === 'volume' && existsSync(mountNote(id)) ? await readFile(mountNote(id), 'utf8') : undefined
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
    mount: async (id, directory) => {
      await mkdir(directory, { recursive: true })
      if (await isMounted(directory)) return
      await run('mount', ['-o', 'loop', image('volume', id), directory])
      await writeFile(mountNote(id), directory)
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

/** Unmounts and removes a mount point; one that is neither is no error. */
export const unmountIfMounted = async (directory: string): Promise<void> => {
  while (await isMounted(directory)) await run('umount', [directory])
  await rmdir(directory).catch(() => {})
}
