import { compareUtf8 } from '../lib/utf8.ts'

/**
 * What tells one state of a file or object from the next without reading it: etag and version of an object; inode, mtime and ctime of a file.
 * Empty: nothing does.
 */
export type Identity = readonly (string | number)[]

/** A file, link or object as a listing of its side shows it. */
export interface Item {
  /** Path below the root or prefix. */
  p: string
  /** bytes; 0 of links */
  size: number
  id: Identity
  /** Executable; absent on sides that don't know. */
  x?: boolean
  /** Target of a symlink. */
  l?: string
}

/** What was written down of a path when both sides had the same, verified content. */
export interface Known {
  p: string
  size: number
  /** sha256, lower-case hex; of links empty */
  h: string
  x: boolean
  l?: string
  source: Identity
  there: Identity
}

export type Action =
  /** Both sides are as they were written down. */
  | { do: 'keep'; p: string; known: Known }
  /** Same size, and nothing written down: the bytes may be the same. `known` if they were once. */
  | { do: 'compare'; p: string; source: Item; there: Item; known?: Known }
  | { do: 'copy'; p: string; source: Item; there?: Item; known?: Known }
  /** The source has no such path, and perhaps only the record knows it. */
  | { do: 'remove'; p: string; there?: Item; known?: Known }

export const sameIdentity = (a: Identity, b: Identity): boolean =>
  a.length > 0 && a.length === b.length && a.every((part, i) => part === b[i])

const sameKind = (a: { size: number; x?: boolean; l?: string }, b: { size: number; x?: boolean; l?: string }) =>
  a.size === b.size && a.l === b.l && (a.x === undefined || b.x === undefined || a.x === b.x)

const isAsKnown = (item: Item, known: Known, id: Identity): boolean =>
  sameKind(item, known) && sameIdentity(item.id, id)

/** What is to be done about one path, which at least one of the three has. */
export const decide = (
  p: string,
  source: Item | undefined,
  known: Known | undefined,
  there: Item | undefined,
): Action => {
  const memory = known && { known }
  if (source === undefined) return { do: 'remove', p, ...(there && { there }), ...memory }
  if (there === undefined) return { do: 'copy', p, source, ...memory }
  if (known && isAsKnown(source, known, known.source) && isAsKnown(there, known, known.there))
    return { do: 'keep', p, known }
  if (source.size !== there.size || source.l !== there.l) return { do: 'copy', p, source, there, ...memory }
  return { do: 'compare', p, source, there, ...memory }
}

/** A sorted sequence that comes in batches; looks at one item ahead, and waits only where a batch ends. */
class Ahead<T extends { p: string }> {
  readonly #batches: AsyncIterator<T[]>
  #batch: T[] = []
  #at = 0
  item: T | undefined

  constructor(batches: AsyncIterable<T[]>) {
    this.#batches = batches[Symbol.asyncIterator]()
  }

  /** Goes on within the batch; false: `load` must bring the next one. */
  step(): boolean {
    this.item = this.#batch[this.#at++]
    return this.item !== undefined
  }

  async load(): Promise<void> {
    while (!this.step()) {
      const next = await this.#batches.next()
      if (next.done) return
      this.#batch = next.value
      this.#at = 0
    }
  }

  async close(): Promise<void> {
    await this.#batches.return?.()
  }
}

const first = (a: string | undefined, b: string | undefined): string | undefined => {
  if (a === undefined || a === b) return b
  if (b === undefined) return a
  return compareUtf8(a, b) <= 0 ? a : b
}

const batchLength = 1000

/**
 * What is to be done, in path order and in batches, from three sequences in path order: what the source has, what was written down, and what the
 * destination has. Holds a batch of each.
 */
export async function* plan(
  source: AsyncIterable<Item[]>,
  known: AsyncIterable<Known[]>,
  there: AsyncIterable<Item[]>,
): AsyncGenerator<Action[]> {
  const [wanted, written, found] = [new Ahead(source), new Ahead(known), new Ahead(there)]
  const all = [wanted, written, found]
  try {
    await Promise.all(all.map((side) => side.load()))
    let actions: Action[] = []
    for (;;) {
      const p = first(first(wanted.item?.p, written.item?.p), found.item?.p)
      if (p === undefined) break
      const has = <T extends { p: string }>({ item }: Ahead<T>) => (item?.p === p ? item : undefined)
      const [a, b, c] = [has(wanted), has(written), has(found)]
      actions.push(decide(p, a, b, c))
      if (a && !wanted.step()) await wanted.load()
      if (b && !written.step()) await written.load()
      if (c && !found.step()) await found.load()
      if (actions.length < batchLength) continue
      yield actions
      actions = []
    }
    if (actions.length > 0) yield actions
  } finally {
    await Promise.all(all.map((side) => side.close()))
  }
}
