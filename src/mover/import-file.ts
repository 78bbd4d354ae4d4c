import { sha256Hex } from '../manifest/digest.ts'
import { dataKey } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { copyObject } from '../transfer/copy-object.ts'
import { hashObject, pinned, readObject } from '../transfer/read-object.ts'
import type { SourceFile } from '../transfer/source.ts'
import { MoveFailure } from './failure.ts'
import type { Progress } from './progress.ts'

/** Up to this size an object goes through memory: it is read once, and nothing is written if the parent has it. */
const wholeInMemory = 8 * 1024 * 1024

/** What importing one file needs to know of the whole. */
export interface ImportWorld {
  mode: 'Reference' | 'Copy'
  source: { store: ObjectStore; bucket: string }
  /** Whether objects are read by version id. */
  byVersion: boolean
  store: ObjectStore
  /** The Dataset's directory. */
  prefix: string
  /** The number of the version that is made. */
  sequence: number
  parent: number | undefined
  progress: Progress
}

/** How much memory a file takes while it is imported: parts in flight for a copy of a big one, some buffers for what is only read. */
export const memoryOf = (mode: ImportWorld['mode'], size: number): number => {
  if (mode === 'Reference') return 256 * 1024
  return size <= wholeInMemory ? size + 256 * 1024 : 32 * 1024 * 1024
}

/** An entry of the parent, said from the point of view of a later version. */
export const inherited = (entry: Entry, parent: number): Entry => {
  if (entry.u !== undefined || entry.o !== undefined || entry.l !== undefined) return entry
  return { ...entry, o: parent }
}

/**
 * Whether a new version may say of a file what its parent says: not if that refers to another bucket than the source is now, or to the source at all
 * when bytes are to be copied.
 */
export const reusable = (world: ImportWorld, before: Entry): boolean =>
  before.u === undefined || (world.mode === 'Reference' && before.u.b === world.source.bucket)

const known = (world: ImportWorld, before: Entry | undefined, size: number, sha256: string): before is Entry =>
  before?.s === size && before.h === sha256 && before.x === undefined && reusable(world, before)

const reference = async (world: ImportWorld, file: SourceFile, signal: AbortSignal): Promise<Entry> => {
  const { object, p } = file
  const see = world.progress.bytes
  const source = pinned(world.source.store, object, world.byVersion)
  const h = await hashObject(source, see, signal)
  const { version, ifMatch } = source.pin
  const place = { b: world.source.bucket, k: object.key }
  if (version !== undefined) return { p, s: object.size, h, u: { ...place, v: version } }
  if (ifMatch !== undefined) return { p, s: object.size, h, u: { ...place, e: ifMatch } }
  throw new MoveFailure(
    'InvalidSpec',
    `${world.source.store.name} gives neither version ids nor etags, so no version can refer to its objects: use import: Copy`,
    [object.key],
  )
}

const copySmall = async (world: ImportWorld, file: SourceFile, before: Entry | undefined, signal: AbortSignal) => {
  const source = pinned(world.source.store, file.object, world.byVersion)
  const see = world.progress.bytes
  const bytes = await readObject(source, see, signal)
  const h = sha256Hex(bytes)
  if (known(world, before, bytes.length, h)) return inherited(before, world.parent!)
  await world.store.put(dataKey(world.prefix, world.sequence, file.p), bytes, { signal })
  return { p: file.p, s: bytes.length, h }
}

const copyBig = async (world: ImportWorld, file: SourceFile, before: Entry | undefined, signal: AbortSignal) => {
  const source = pinned(world.source.store, file.object, world.byVersion)
  const see = world.progress.bytes
  const size = file.object.size
  // Of the same size as before: read it first, since most likely it is the same and nothing has to be written.
  if (before?.s === size) {
    const sha256 = await hashObject(source, see, signal)
    if (known(world, before, size, sha256)) return inherited(before, world.parent!)
  }
  const to = { store: world.store, key: dataKey(world.prefix, world.sequence, file.p) }
  return { p: file.p, s: size, h: await copyObject(source, to, see, signal) }
}

/** Reads one file of the source to its last byte, stores it where the mode asks for it, and returns its line of the manifest. */
export const importFile = async (
  world: ImportWorld,
  file: SourceFile,
  before: Entry | undefined,
  signal: AbortSignal,
): Promise<Entry> => {
  if (world.mode === 'Reference') return reference(world, file, signal)
  return file.object.size <= wholeInMemory
    ? copySmall(world, file, before, signal)
    : copyBig(world, file, before, signal)
}
