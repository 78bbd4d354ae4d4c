import { joinEntries } from '../manifest/diff.ts'
import { dataPrefix, uploadsPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { readVersion } from './read-version.ts'

const batch = 1000

async function* stored(store: ObjectStore, prefix: string, signal: AbortSignal) {
  for await (const { key } of store.list(prefix, { signal })) yield { p: key.slice(prefix.length), key }
}

/** The lines whose bytes lie under the number of the manifest itself. */
export async function* ownEntries(entries: AsyncIterable<Entry>): AsyncGenerator<Entry> {
  for await (const entry of entries)
    if (entry.o === undefined && entry.u === undefined && entry.l === undefined) yield entry
}

/**
 * Removes from `data/v<N>/` what the *committed* version does not need: what earlier attempts left there. Never before the commit: until then
 * nobody knows which attempt's objects it will be.
 */
const removeStrays = async (
  store: ObjectStore,
  prefix: string,
  version: { sequence: number; root: string },
  signal: AbortSignal,
): Promise<void> => {
  const needed = ownEntries(readVersion(store, prefix, version.root, signal))
  const strays: string[] = []
  for await (const { a, b } of joinEntries(needed, stored(store, dataPrefix(prefix, version.sequence), signal))) {
    if (a === undefined && b !== undefined) strays.push(b.key)
    if (strays.length >= batch) await store.remove(strays.splice(0), signal)
  }
  if (strays.length > 0) await store.remove(strays, signal)
}

/**
 * What is left to do behind a commit: journals and the turn go, and before them the strays. `strays`: how many there are; undefined: an earlier attempt did
 * the commit, and if it got to the end, nothing is left here.
 */
export const cleanUp = async (
  store: ObjectStore,
  prefix: string,
  version: { sequence: number; root: string },
  strays: number | undefined,
  signal: AbortSignal,
): Promise<void> => {
  const keys: string[] = []
  for await (const { key } of store.list(uploadsPrefix(prefix, version.sequence), { signal })) keys.push(key)
  if (strays === undefined ? keys.length > 0 : strays > 0) await removeStrays(store, prefix, version, signal)
  if (keys.length > 0) await store.remove(keys, signal)
}
