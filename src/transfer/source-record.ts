import { sha256Hex } from '../manifest/digest.ts'
import type { ListedObject, ObjectStore } from '../stores/object-store.ts'
import { newer, readable, readChunks } from './chunk-reader.ts'
import { ChunkWriter, digits } from './chunk-writer.ts'
import type { Found } from './walk.ts'

/**
 * What an import saw of its source, beside layout 1: sources/<location>/v<N>/<attempt>/<chunk>.ndjson.gz, lines in the order of their paths. The next
 * attempt goes on from it, and the next import recognises by it what has not changed without reading it. It may be missing or end early: then more is
 * read. Never is size and time alone a reason not to read.
 */
export interface Recorded {
  p: string
  /** What the source says of this state of the file: version id or etag, or inode and times. */
  state: string
  s: number
  h: string
  /** What the store answered when the file was copied; absent: it was not. */
  etag?: string
}

/** State of a listed object, if the store says anything that tells it from others. `null` is the version of whatever was written last. */
export const objectState = ({ version, etag }: ListedObject, byVersion: boolean): string | undefined => {
  if (byVersion && version !== undefined && version !== 'null') return `v:${version}`
  return etag === undefined ? undefined : `e:${etag}`
}

/** State of a file: whoever writes it changes one of these. */
export const fileState = ({ inode, mtime, ctime, size }: Pick<Found, 'inode' | 'mtime' | 'ctime' | 'size'>): string =>
  `f:${[inode, mtime, ctime, size].map((part) => part.toString(36)).join('-')}`

/** A source as the name of a directory: what was recorded of one place says nothing about another. */
export const locationId = (location: object): string => sha256Hex(Buffer.from(JSON.stringify(location))).slice(0, 32)

const base = (prefix: string): string => `${prefix}sources/`
const mostLines = 8192

const lineText = ({ p, state, s, h, etag }: Recorded): string =>
  `${JSON.stringify(etag === undefined ? [p, state, s, h] : [p, state, s, h, etag])}\n`

/** The record of one attempt as it grows. */
export class RecordWriter extends ChunkWriter {
  constructor(store: ObjectStore, place: RecordPlace, attempt: number, signal: AbortSignal) {
    super(store, `${base(place.prefix)}${place.location}/v${place.sequence}/${digits(attempt, 6)}/`, mostLines, signal)
  }

  add(line: Recorded): Promise<void> {
    return this.append(lineText(line), line.etag === undefined ? 0 : line.s)
  }
}

export interface RecordPlace {
  /** The Dataset's directory. */
  prefix: string
  location: string
  sequence: number
}

interface Attempt {
  sequence: number
  attempt: number
  keys: string[]
}

/** Records of a source, the oldest first. */
export const findRecords = async (
  store: ObjectStore,
  { prefix, location }: Pick<RecordPlace, 'prefix' | 'location'>,
  signal: AbortSignal,
): Promise<Attempt[]> => {
  const found = new Map<string, Attempt>()
  const under = `${base(prefix)}${location}/`
  for await (const { key } of store.list(under, { signal })) {
    const match = /^v([1-9]\d*)\/(\d{6})\/\d{8}\.ndjson\.gz$/.exec(key.slice(under.length))
    if (match === null) continue
    const id = `${match[1]}/${match[2]}`
    const one = found.get(id) ?? { sequence: Number(match[1]), attempt: Number(match[2]), keys: [] }
    one.keys.push(key)
    found.set(id, one)
  }
  return [...found.values()].sort((a, b) => a.sequence - b.sequence || a.attempt - b.attempt)
}

/** What imports of one number recorded, of any source. */
export async function* listRecords(
  store: ObjectStore,
  prefix: string,
  sequence: number,
  signal: AbortSignal,
): AsyncGenerator<ListedObject> {
  for await (const object of store.list(base(prefix), { signal }))
    if (object.key.slice(base(prefix).length).split('/')[1] === `v${sequence}`) yield object
}

const parseText = (text: string): Recorded => {
  const [p, state, s, h, etag] = JSON.parse(text) as [string, string, number, string, string?]
  return { p, state, s, h, ...(etag === undefined ? {} : { etag }) }
}

const readOne = (store: ObjectStore, keys: string[], signal: AbortSignal): AsyncGenerator<Recorded> =>
  readable(readChunks(store, keys, parseText, signal))

/** What is known of each path; where several records have it, the newest counts. Only an attempt of the same version says where its copies are. */
export const readRecords = (
  store: ObjectStore,
  records: readonly Attempt[],
  sequence: number,
  signal: AbortSignal,
): AsyncIterable<Recorded> => {
  async function* withoutCopies(lines: AsyncIterable<Recorded>): AsyncGenerator<Recorded> {
    for await (const { etag: _, ...line } of lines) yield line
  }
  let merged: AsyncIterable<Recorded> = readOne(store, [], signal)
  for (const record of records) {
    const lines = readOne(store, record.keys, signal)
    merged = newer(merged, record.sequence === sequence ? lines : withoutCopies(lines))
  }
  return merged
}

/** Removes what was recorded of this Dataset's sources, but for the given chunks. */
export const keepRecords = async (
  store: ObjectStore,
  prefix: string,
  kept: readonly string[],
  signal: AbortSignal,
): Promise<void> => {
  const keep = new Set(kept)
  const gone: string[] = []
  for await (const { key } of store.list(base(prefix), { signal })) {
    if (!keep.has(key)) gone.push(key)
    if (gone.length >= 1000) await store.remove(gone.splice(0), signal)
  }
  if (gone.length > 0) await store.remove(gone, signal)
}

/** What lies under data/v<N>/, by path. */
export async function* listCopied(
  store: ObjectStore,
  under: string,
  signal: AbortSignal,
): AsyncGenerator<ListedObject & { p: string }> {
  for await (const object of store.list(under, { signal })) yield { ...object, p: object.key.slice(under.length) }
}
