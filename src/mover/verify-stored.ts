import { joinEntries } from '../manifest/diff.ts'
import { dataPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { ownEntries } from '../transfer/strays.ts'
import { MoveFailure } from './failure.ts'

async function* stored(store: ObjectStore, prefix: string, signal: AbortSignal) {
  for await (const { key, size } of store.list(prefix, { signal })) yield { p: key.slice(prefix.length), size }
}

/**
 * Compares what lies in `data/v<N>/` with the manifest that is about to be committed: what is missing or of another size fails as `Corrupt`.
 * Returns how many objects are there that it doesn't need.
 */
export const verifyStored = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  entries: AsyncIterable<Entry>,
  signal: AbortSignal,
): Promise<number> => {
  const data = dataPrefix(prefix, sequence)
  let strays = 0
  for await (const { a, b } of joinEntries(ownEntries(entries), stored(store, data, signal))) {
    if (a !== undefined && a.s !== b?.size) {
      const what = b === undefined ? 'is missing' : 'has another size'
      throw new MoveFailure('Corrupt', `${store.name}/${data}${a.p} ${what} after its upload: it is uploaded again`, [
        a.p,
      ])
    }
    if (a === undefined) strays++
  }
  return strays
}
