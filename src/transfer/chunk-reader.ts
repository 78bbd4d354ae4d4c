import { promisify } from 'node:util'
import { gunzip } from 'node:zlib'
import { joinEntries } from '../manifest/diff.ts'
import { ManifestError } from '../manifest/error.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { readWhole } from './manifest-store.ts'

const maxChunkBytes = 64 * 1024 * 1024

/** The lines of what a ChunkWriter wrote, chunk after chunk. */
export async function* readChunks<T>(
  store: ObjectStore,
  keys: readonly string[],
  parse: (line: string) => T,
  signal: AbortSignal,
): AsyncGenerator<T> {
  for (const key of keys) {
    const { bytes } = await readWhole(store, key, maxChunkBytes, signal)
    const text = (await promisify(gunzip)(bytes)).toString()
    for (const line of text.split('\n')) if (line !== '') yield parse(line)
  }
}

/** Lines as far as they can be read: what is behind a broken chunk is as if it were not there. */
export async function* readable<T>(lines: AsyncIterable<T>): AsyncGenerator<T> {
  try {
    yield* lines
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    const broken = error instanceof SyntaxError || error instanceof ManifestError || error instanceof RangeError
    if (!broken && !code?.startsWith('Z_')) throw error
  }
}

/** Two sorted lists as one; where both have a path, the newest counts. */
export async function* newer<T extends { p: string }>(
  older: AsyncIterable<T>,
  newest: AsyncIterable<T>,
): AsyncGenerator<T> {
  for await (const { a, b } of joinEntries(older, newest)) yield (b ?? a)!
}
