import { joinEntries } from '../manifest/diff.ts'
import { dataPrefix } from '../manifest/keys.ts'
import type { Entry } from '../manifest/types.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import { MoveFailure } from './failure.ts'

const batch = 500

async function* stored(store: ObjectStore, prefix: string, signal: AbortSignal) {
  for await (const { key, size } of store.list(prefix, { signal })) yield { p: key.slice(prefix.length), size }
}

async function* own(entries: AsyncIterable<Entry>) {
  for await (const entry of entries) {
    if (entry.o === undefined && entry.u === undefined && entry.l === undefined) yield entry
  }
}

/**
 * Compares what lies in `data/v<N>/` with the manifest that is about to be committed: what is missing or of another size fails as `Corrupt`, what
 * an earlier attempt left there is removed.
 */
export const verifyStored = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  entries: AsyncIterable<Entry>,
  signal: AbortSignal,
): Promise<void> => {
  const data = dataPrefix(prefix, sequence)
  let left: string[] = []
  for await (const { a, b } of joinEntries(own(entries), stored(store, data, signal))) {
    if (a !== undefined && a.s !== b?.size) {
      const what = b === undefined ? 'is missing' : 'has another size'
      throw new MoveFailure('Corrupt', `${store.name}/${data}${a.p} ${what} after its upload: it is uploaded again`, [
        a.p,
      ])
    }
    if (a !== undefined || b === undefined) continue
    left.push(`${data}${b.p}`)
    if (left.length < batch) continue
    await store.remove(left, signal)
    left = []
  }
  if (left.length > 0) await store.remove(left, signal)
}
