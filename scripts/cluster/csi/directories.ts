import { existsSync } from 'node:fs'
import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { bindMount, unmountIfMounted, type VolumeStore } from './volumes.ts'

/** Volumes as directories that every node mounts: as those of a file server, they have no size of their own, and are neither copied nor snapshotted. */
export const openDirectoryStore = async (dir: string): Promise<VolumeStore> => {
  await mkdir(dir, { recursive: true })
  const place = (id: string) => {
    if (!/^[\w.-]+$/.test(id)) throw new Error(`not an id of this driver: ${id}`)
    return join(dir, id)
  }
  const sizeNote = (id: string) => `${place(id)}.size`
  const sizeOf = async (id: string) =>
    existsSync(sizeNote(id)) ? Number(await readFile(sizeNote(id), 'utf8')) : undefined
  const refused = async () => {
    throw new Error('this driver makes no snapshots')
  }
  return {
    sizeOf: async (kind, id) => (kind === 'volume' ? sizeOf(id) : undefined),
    createVolume: async (id, wanted) => {
      await mkdir(place(id), { recursive: true })
      await chmod(place(id), 0o755)
      await writeFile(sizeNote(id), `${wanted}`)
      return wanted
    },
    deleteVolume: async (id) => {
      await rm(place(id), { recursive: true, force: true })
      await rm(sizeNote(id), { force: true })
    },
    createSnapshot: refused,
    deleteSnapshot: refused,
    mount: (id, directory, options) => bindMount(place(id), directory, options.includes('ro')),
    unmount: (_, directory) => unmountIfMounted(directory),
  }
}
