import { compareUtf8 } from '../../lib/utf8.ts'
import type { Line } from './record-lines.ts'

/** One of the sequences being merged, at its next line. */
interface Head {
  lines: AsyncIterator<Line[]>
  batch: Line[]
  at: number
}

const next = async (head: Head): Promise<boolean> => {
  while (head.at >= head.batch.length) {
    const { value, done } = await head.lines.next()
    if (done) return false
    head.batch = value
    head.at = 0
  }
  return true
}

/** The line that comes first; of those about the same path the one of the last head. */
const least = (heads: Head[]): Line => {
  let found = heads[0]!.batch[heads[0]!.at]!
  for (const { batch, at } of heads) {
    const line = batch[at]!
    if (compareUtf8(line.p, found.p) <= 0) found = line
  }
  return found
}

const batchLength = 1000

/** Sorted sequences of lines as one, in path order: of several lines about a path the one of the last sequence counts. Holds a batch of each. */
export async function* mergeLines(sequences: AsyncIterable<Line[]>[]): AsyncGenerator<Line[]> {
  const all = sequences.map((lines): Head => ({ lines: lines[Symbol.asyncIterator](), batch: [], at: 0 }))
  const heads: Head[] = []
  for (const head of all) if (await next(head)) heads.push(head)
  let merged: Line[] = []
  while (heads.length > 0) {
    const line = least(heads)
    merged.push(line)
    for (let i = heads.length - 1; i >= 0; i--) {
      const head = heads[i]!
      if (head.batch[head.at]!.p === line.p && ++head.at >= head.batch.length && !(await next(head))) heads.splice(i, 1)
    }
    if (merged.length < batchLength) continue
    yield merged
    merged = []
  }
  if (merged.length > 0) yield merged
}
