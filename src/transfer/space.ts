import { statfs } from 'node:fs/promises'
import type { Entry, Root } from '../manifest/types.ts'
import { MoveFailure } from '../mover/failure.ts'
import { walk } from './walk.ts'

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB']

/** For people: three digits and a binary unit. */
const humanSize = (bytes: number): string => {
  const power = bytes < 1024 ? 0 : Math.min(Math.floor(Math.log2(bytes) / 10), units.length - 1)
  const value = bytes / 1024 ** power
  return `${power === 0 || value >= 100 ? Math.ceil(value) : value.toPrecision(3)} ${units[power]}`
}

const tooSmall = (root: Root, needed: number, room: number, of: string): MoveFailure =>
  new MoveFailure(
    'InsufficientSpace',
    `the version has ${humanSize(root.bytes)} in ${root.files} files and needs ${humanSize(needed)}, ${of} ${humanSize(room)}: ask for a bigger claim (resources.requests.storage)`,
  )

/** What an earlier attempt has on the volume already, in bytes on the disk and inodes. */
const present = async (data: string, signal: AbortSignal): Promise<{ bytes: number; inodes: number }> => {
  const seen = { bytes: 0, inodes: 0 }
  for await (const found of walk(data, { signal })) {
    seen.bytes += found.allocated
    seen.inodes++
  }
  return seen
}

/** Blocks and inodes exactly as files of these sizes take them; directories about. */
const exactNeed = async (entries: AsyncIterable<Entry>, block: number): Promise<{ bytes: number; inodes: number }> => {
  const need = { bytes: 0, inodes: 0 }
  let above = ''
  for await (const { p, s } of entries) {
    const dir = p.slice(0, p.lastIndexOf('/') + 1)
    const directories = dir === above || above.startsWith(dir) ? 0 : 1
    above = dir
    need.bytes += Math.ceil((s ?? 0) / block) * block + directories * block
    need.inodes += 1 + directories
  }
  return need
}

/**
 * Says that a version doesn't fit before a byte of it moves. `capacity`: what the claim asked for, which a driver that only makes directories doesn't
 * enforce. The manifest is read for it only where its totals don't tell.
 */
export const checkSpace = async (
  data: string,
  root: Root,
  entries: () => AsyncIterable<Entry>,
  capacity: number | undefined,
  signal: AbortSignal,
): Promise<void> => {
  if (capacity !== undefined && root.bytes > capacity) throw tooSmall(root, root.bytes, capacity, 'the claim asks for')
  const fs = await statfs(data)
  const have = await present(data, signal)
  const room = fs.bavail * fs.bsize + have.bytes
  // Some file systems make inodes as they need them and report none.
  const inodes = fs.files === 0 ? Number.POSITIVE_INFINITY : fs.ffree + have.inodes
  if (root.bytes > room) throw tooSmall(root, root.bytes, room, 'the volume has')
  if (root.bytes + 2 * root.files * fs.bsize <= room && 2 * root.files <= inodes) return
  const need = await exactNeed(entries(), fs.bsize)
  if (need.bytes > room) throw tooSmall(root, need.bytes, room, 'the volume has')
  if (need.inodes > inodes)
    throw new MoveFailure(
      'InsufficientSpace',
      `the version has ${root.files} files, the volume has room for ${inodes} more (inodes): ask for a bigger claim, or a class whose file system makes more inodes`,
    )
}
