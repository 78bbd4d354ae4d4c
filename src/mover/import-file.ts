import { dataKey } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'
import type { Condition } from '../transfer/conditional.ts'
import { copyObject } from '../transfer/copy-object.ts'
import { hashObject, pinned, readObject } from '../transfer/read-object.ts'
import type { SourceFile } from '../transfer/source.ts'
import type { Recorded } from '../transfer/source-record.ts'
import type { Turn } from '../transfer/turn.ts'
import { MoveFailure } from './failure.ts'
import type { Progress } from './progress.ts'

/** Up to this size an object goes through memory: it is read once, and nothing is written if the parent has it. */
const wholeInMemory = 8 * 1024 * 1024

/** What is written down of a source. */
export interface ImportRecord {
  read(): AsyncIterable<Recorded>
  /** What earlier attempts copied. */
  copied(): AsyncIterable<ListedObject & { p: string }>
  stateOf(object: ListedObject): string | undefined
  add(line: Recorded): Promise<void>
  /** Everything that was added is stored. */
  flush(): Promise<void>
  /** Nothing more comes, and the version is there: what was recorded before this attempt is not needed any more. */
  finish(mode: 'Reference' | 'Copy'): Promise<void>
}

/** A file of the source, and what is known of it before it is read. */
export interface Known extends SourceFile {
  recorded?: Recorded
  copied?: ListedObject
}

/** The line of a file, and the etag of its copy where one was made. */
export interface Imported {
  entry: Entry
  etag?: string | undefined
}

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
  recorded: ImportRecord
  turn: Turn
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

/** The sha256 of a file that is known without reading it: somebody declared it, or an earlier look at this very state of it found it out. */
const knownDigest = (world: ImportWorld, { object, recorded }: Known): string | undefined => {
  if (object.sha256 !== undefined) return object.sha256
  const state = world.recorded.stateOf(object)
  return state !== undefined && recorded?.state === state && recorded.s === object.size ? recorded.h : undefined
}

/** The parent's line refers to this very state of the object. */
const refersTo = (world: ImportWorld, { object }: SourceFile, before: Entry | undefined): before is Entry => {
  const { u, s } = before ?? {}
  if (u === undefined || u.b !== world.source.bucket || u.k !== object.key || s !== object.size) return false
  // `null` is the version of whatever was written last.
  if (u.v !== undefined) return world.byVersion && u.v !== 'null' && u.v === object.version
  return u.e !== undefined && u.e === object.etag
}

const reference = async (world: ImportWorld, file: Known, before: Entry | undefined, signal: AbortSignal) => {
  const { object, p } = file
  const see = world.progress.bytes
  if (refersTo(world, file, before)) {
    see(object.size)
    return { entry: before }
  }
  const source = pinned(world.source.store, object, world.byVersion)
  const { version, ifMatch } = source.pin
  const place = { b: world.source.bucket, k: object.key }
  if (version === undefined && ifMatch === undefined)
    throw new MoveFailure(
      'InvalidSpec',
      `${world.source.store.name} gives neither version ids nor etags, so no version can refer to its objects: use import: Copy`,
      [object.key],
    )
  const recorded = knownDigest(world, file)
  if (recorded !== undefined) see(object.size)
  const h = recorded ?? (await hashObject(source, see, signal))
  const u = version === undefined ? { ...place, e: ifMatch! } : { ...place, v: version }
  return { entry: { p, s: object.size, h, u } }
}

/** The line of a file that is in the store already: in the parent, or copied by an earlier attempt. */
const recognized = (world: ImportWorld, file: Known, before: Entry | undefined): Imported | undefined => {
  const { p, object, recorded, copied } = file
  const h = knownDigest(world, file)
  if (h === undefined) return undefined
  if (known(world, before, object.size, h)) return { entry: inherited(before, world.parent!) }
  const there = recorded?.etag !== undefined && copied?.etag === recorded.etag && copied.size === object.size
  return there ? { entry: { p, s: object.size, h }, etag: recorded.etag } : undefined
}

const copySmall = async (world: ImportWorld, file: Known, before: Entry | undefined, signal: AbortSignal) => {
  const source = pinned(world.source.store, file.object, world.byVersion)
  const see = world.progress.bytes
  const { bytes, sha256: h } = await readObject(source, see, signal)
  if (known(world, before, bytes.length, h)) return { entry: inherited(before, world.parent!) }
  const key = dataKey(world.prefix, world.sequence, file.p)
  const put = (condition: Condition) => world.store.put(key, bytes, { ...condition, signal })
  const { etag } = await world.turn.place(key, file.copied, put, signal)
  return { entry: { p: file.p, s: bytes.length, h }, etag }
}

const copyBig = async (world: ImportWorld, file: Known, before: Entry | undefined, signal: AbortSignal) => {
  const source = pinned(world.source.store, file.object, world.byVersion)
  const see = world.progress.bytes
  const size = file.object.size
  // Of the same size as before: read it first, since most likely it is the same and nothing has to be written.
  if (before?.s === size && knownDigest(world, file) === undefined) {
    const sha256 = await hashObject(source, see, signal)
    if (known(world, before, size, sha256)) return { entry: inherited(before, world.parent!) }
  }
  const key = dataKey(world.prefix, world.sequence, file.p)
  const copy = (condition: Condition) => copyObject(source, { store: world.store, key, condition }, see, signal)
  const { sha256, info } = await world.turn.place(key, file.copied, copy, signal)
  return { entry: { p: file.p, s: size, h: sha256 }, etag: info.etag }
}

/**
 * The line of the manifest for one file of the source. One that is not known in just this state is read to its last byte, and stored where the mode asks
 * for it.
 */
export const importFile = async (
  world: ImportWorld,
  file: Known,
  before: Entry | undefined,
  signal: AbortSignal,
): Promise<Imported> => {
  if (world.mode === 'Reference') return reference(world, file, before, signal)
  const there = recognized(world, file, before)
  if (there !== undefined) {
    world.progress.bytes(file.object.size)
    return there
  }
  return file.object.size <= wholeInMemory
    ? copySmall(world, file, before, signal)
    : copyBig(world, file, before, signal)
}
