import { compareUtf8 } from '../lib/utf8.ts'
import { type FetchShard, readShards } from './read.ts'
import type { Entry, Root } from './types.ts'

/** Whether two entries give a reader the same file: size, sha256, executable bit and target. Where the bytes lie doesn't matter. */
export const sameContent = (a: Entry, b: Entry): boolean => a.s === b.s && a.h === b.h && a.x === b.x && a.l === b.l

/** Two sorted lists as one: each path once, with the entry of either side that has it. */
export async function* joinEntries<A extends { p: string }, B extends { p: string }>(
  a: AsyncIterable<A>,
  b: AsyncIterable<B>,
): AsyncGenerator<{ a?: A; b?: B }> {
  const left = a[Symbol.asyncIterator]()
  const right = b[Symbol.asyncIterator]()
  try {
    let [x, y] = [await left.next(), await right.next()]
    while (!x.done || !y.done) {
      const order = x.done ? 1 : y.done ? -1 : compareUtf8(x.value.p, y.value.p)
      if (order === 0) yield { a: x.value, b: y.value }
      else if (order < 0) yield { a: x.value }
      else yield { b: y.value }
      if (order <= 0) x = await left.next()
      if (order >= 0) y = await right.next()
    }
  } finally {
    await left.return?.()
    await right.return?.()
  }
}

/** A path whose content differs: `before` alone is removed, `after` alone is new. */
export interface Change {
  before?: Entry
  after?: Entry
}

/** What changed from one root to another, in path order. Shards that both have are not read. */
export async function* diff(before: Root, after: Root, fetch: FetchShard): AsyncGenerator<Change> {
  const known = new Set(before.shards.map((shard) => shard.sha256))
  const shared = new Set(after.shards.map((shard) => shard.sha256).filter((sha256) => known.has(sha256)))
  const rest = (root: Root) => root.shards.filter((shard) => !shared.has(shard.sha256))
  for await (const { a, b } of joinEntries(readShards(rest(before), fetch), readShards(rest(after), fetch))) {
    if (a !== undefined && b !== undefined && sameContent(a, b)) continue
    yield { ...(a && { before: a }), ...(b && { after: b }) }
  }
}
