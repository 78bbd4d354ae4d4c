import { MoveFailure } from '../../mover/failure.ts'
import { md5OfEtag } from '../../stores/checksum.ts'
import { StoreError } from '../../stores/object-store.ts'
import { type Identity, type Item, type Known, sameIdentity } from '../plan.ts'
import { readPinned } from '../read-object.ts'
import type { CopyDeps } from './copy-file.ts'
import { type Destination, isStore, type Source, type StoreEnd } from './ends.ts'
import { agree, chunksOf, Summing, type Sums, withStableFile } from './local-read.ts'
import { pinOf } from './store-list.ts'

const rootOf = (end: Exclude<Source | Destination, StoreEnd>): string => ('root' in end ? end.root : end.target.root)

/** What can be said of a side's bytes without reading them. */
const sumsOf = async (
  end: Source | Destination,
  item: Item,
  known: { h: string; id: Identity } | undefined,
  signal: AbortSignal,
): Promise<Sums> => {
  if (known !== undefined && known.h !== '' && sameIdentity(item.id, known.id)) return { sha256: known.h }
  if (!isStore(end)) return {}
  const md5 = md5OfEtag(typeof item.id[0] === 'string' ? item.id[0] : undefined)
  if (md5 !== undefined) return { md5 }
  const info = await end.store.head(`${end.prefix}${item.p}`, { signal })
  return info?.size === item.size && info.etag === item.id[0] ? (info.checksums ?? {}) : {}
}

/** Whether there is a sum that reading the other side's bytes can be compared with. */
const computable = ({ sha256, sha1, md5, crc32 }: Sums): boolean => (sha256 ?? sha1 ?? md5 ?? crc32) !== undefined

interface Read {
  sums: Sums & { sha256: string }
  id: Identity
  x: boolean | undefined
}

/** Reads a side's bytes and sums them up. */
const readSums = async (end: Source | Destination, item: Item, like: Sums, signal: AbortSignal): Promise<Read> => {
  const summing = () => new Summing(like)
  if (isStore(end)) {
    const sums = summing()
    const object = { key: `${end.prefix}${item.p}`, size: item.size }
    for await (const chunk of readPinned({ store: end.store, object, pin: pinOf(item) }, signal)) sums.update(chunk)
    return { sums: sums.finish(), id: item.id, x: item.x }
  }
  return withStableFile(`${rootOf(end)}/${item.p}`, async (file) => {
    const sums = summing()
    for await (const chunk of chunksOf(file, signal)) sums.update(chunk)
    return { sums: sums.finish(), id: file.id, x: file.executable }
  })
}

interface Sides {
  from: Source
  to: Destination
  item: Item
  there: Item
  /** What can be said of each side's bytes without reading them. */
  wanted: Sums
  found: Sums
}

/** The sha256 and what was read for it, if both sides have the same bytes. */
type Verdict = { h: string; source?: Read; there?: Read } | undefined

const byReading = async (sides: Sides, signal: AbortSignal): Promise<Verdict> => {
  const { from, to, item, wanted, found } = sides
  if (isStore(to)) {
    if (!computable(found)) return undefined
    const source = await readSums(from, item, found, signal)
    return agree(source.sums, found) ? { h: source.sums.sha256, source } : undefined
  }
  if (isStore(from) && !computable(wanted)) return undefined
  const there = await readSums(to, sides.there, wanted, signal)
  const { sha256: h } = there.sums
  const verdict = agree(there.sums, wanted)
  if (verdict !== undefined || isStore(from)) return verdict ? { h, there } : undefined
  const source = await readSums(from, item, {}, signal)
  return source.sums.sha256 === h ? { h, source, there } : undefined
}

/** What the two know of their bytes agrees, differs, or must be found by reading. */
const verdictOf = async (sides: Sides, signal: AbortSignal): Promise<Verdict> => {
  const { wanted, found } = sides
  const verdict = agree(wanted, found)
  if (verdict === false) return undefined
  if (verdict && wanted.sha256 !== undefined) return { h: wanted.sha256 }
  try {
    return await byReading(sides, signal)
  } catch (error) {
    const gone = error instanceof StoreError && ['changed', 'not-found'].includes(error.failure)
    // What goes on while it is compared is found again, and named, when it is copied.
    if (gone || (error instanceof MoveFailure && error.reason === 'SourceDrifted')) return undefined
    throw error
  }
}

/**
 * Finds out whether both sides have the same bytes by reading a local one, or, between two stores, the source; against checksums that the other side
 * knows, or its bytes where it is local too. Undefined: they differ, or nobody can say.
 */
export const compareFile = async (
  { from, to, signal }: Pick<CopyDeps, 'from' | 'to' | 'signal'>,
  item: Item,
  there: Item,
  known: Known | undefined,
): Promise<Known | undefined> => {
  const wanted = await sumsOf(from, item, known && { h: known.h, id: known.source }, signal)
  const found = await sumsOf(to, there, known && { h: known.h, id: known.there }, signal)
  const verdict = await verdictOf({ from, to, item, there, wanted, found }, signal)
  if (verdict === undefined) return undefined
  const x = item.x ?? verdict.there?.x ?? there.x ?? known?.x ?? false
  const ids = { source: verdict.source?.id ?? item.id, there: verdict.there?.id ?? there.id }
  return { p: item.p, size: item.size, h: verdict.h, x, ...ids }
}
