import { uploadsPrefix } from '../manifest/keys.ts'
import { entryLine, parseLine } from '../manifest/line.ts'
import type { Entry } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { newer, readable, readChunks } from './chunk-reader.ts'
import { ChunkWriter, digits } from './chunk-writer.ts'

/**
 * The journal of an upload under way: uploads/v<N>/<attempt>/<chunk>.ndjson.gz. Lines come in path order; one is written when its file's bytes are in
 * the store. The next attempt takes over what is still true, and this attempt checks and writes the manifest from it, so that nothing is kept
 * in memory or on a disk.
 */
export interface JournalLine {
  p: string
  entry: Entry
  /** The file as it was when it was hashed. */
  stamp: Stamp
  /** What the store answered to the upload; only where there was one. */
  etag?: string
}

/** What changes when somebody touches a file: times in nanoseconds and inode. */
export interface Stamp {
  mtime: bigint
  ctime: bigint
  inode: bigint
}

export const sameStamp = (a: Stamp, b: Stamp): boolean =>
  a.mtime === b.mtime && a.ctime === b.ctime && a.inode === b.inode

const mostLines = 4096

const lineText = ({ entry, stamp, etag }: JournalLine): string =>
  `${JSON.stringify([String(stamp.mtime), String(stamp.ctime), String(stamp.inode), etag ?? ''])}\t${entryLine(entry)}\n`

const parseText = (text: string): JournalLine => {
  const tab = text.indexOf('\t')
  const [mtime, ctime, inode, etag] = JSON.parse(text.slice(0, tab)) as [string, string, string, string]
  const entry = parseLine(text.slice(tab + 1))
  const stamp = { mtime: BigInt(mtime), ctime: BigInt(ctime), inode: BigInt(inode) }
  return { p: entry.p, entry, stamp, ...(etag === '' ? {} : { etag }) }
}

/** Writes an attempt's journal, chunk after chunk. */
export class JournalWriter extends ChunkWriter {
  constructor(store: ObjectStore, prefix: string, sequence: number, attempt: number, signal: AbortSignal) {
    super(store, `${uploadsPrefix(prefix, sequence)}${digits(attempt, 6)}/`, mostLines, signal)
  }

  add(line: JournalLine): Promise<void> {
    return this.append(lineText(line), line.etag === undefined ? 0 : (line.entry.s ?? 0))
  }
}

/** The lines of one attempt, in path order. */
export const readJournal = (
  store: ObjectStore,
  keys: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<JournalLine> => readChunks(store, keys, parseText, signal)

/** What earlier attempts left: the keys of each attempt's chunks, oldest attempt first. */
export const findJournals = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  signal: AbortSignal,
): Promise<Map<number, string[]>> => {
  const attempts = new Map<number, string[]>()
  const base = uploadsPrefix(prefix, sequence)
  for await (const { key } of store.list(base, { signal })) {
    const match = /^(\d{6})\/\d{8}\.ndjson\.gz$/.exec(key.slice(base.length))
    if (match === null) continue
    const attempt = Number(match[1])
    attempts.set(attempt, [...(attempts.get(attempt) ?? []), key])
  }
  return attempts
}

/** The lines of all attempts; where several have a path, the newest counts. */
export const mergeJournals = (
  store: ObjectStore,
  attempts: Map<number, string[]>,
  signal: AbortSignal,
): AsyncIterable<JournalLine> => {
  let merged: AsyncIterable<JournalLine> = readJournal(store, [], signal)
  for (const keys of attempts.values()) merged = newer(merged, readable(readJournal(store, keys, signal)))
  return merged
}

/** Removes all journals of a version. */
export const sweepJournals = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  signal: AbortSignal,
): Promise<void> => {
  const keys: string[] = []
  for await (const { key } of store.list(uploadsPrefix(prefix, sequence), { signal })) keys.push(key)
  if (keys.length > 0) await store.remove(keys, signal)
}
