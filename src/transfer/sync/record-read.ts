import { createReadStream } from 'node:fs'
import type { Known } from '../plan.ts'
import { type Line, parseLines } from './record-lines.ts'

/** Bytes of a file that are read at a time. */
const chunkBytes = 256 * 1024
/** Where many files are read side by side. */
export const smallChunkBytes = 16 * 1024

/** The lines of a file, in batches. Ends without a word at a line that is none: behind it nothing can be trusted. */
export async function* readLines(file: string, highWaterMark = chunkBytes): AsyncGenerator<Line[]> {
  let rest = ''
  try {
    for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark })) {
      const text = rest + (chunk as string)
      const end = text.lastIndexOf('\n')
      rest = text.slice(end + 1)
      if (end < 0) continue
      const parsed = parseLines(text.slice(0, end).split('\n'))
      if (parsed === undefined) {
        yield* oneByOne(text.slice(0, end).split('\n'))
        return
      }
      yield parsed
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
}

function* oneByOne(lines: string[]): Generator<Line[]> {
  for (const line of lines) {
    const parsed = parseLines([line])
    if (parsed === undefined) return
    yield parsed
  }
}

/** What is known, of lines that say nothing else. */
export async function* knownOf(lines: AsyncIterable<Line[]>): AsyncGenerator<Known[]> {
  for await (const batch of lines) yield batch.flatMap(({ known }) => (known === undefined ? [] : [known]))
}
