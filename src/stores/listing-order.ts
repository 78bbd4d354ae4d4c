import { compareUtf8 } from '../lib/utf8.ts'
import { type ListedObject, StoreError } from './object-store.ts'
import { TransientError } from './retry.ts'

/** A page that repeats, or goes back, would make files vanish or appear twice without anybody seeing it: such a one is asked for again. */
export const checkOrder = (name: string, objects: ListedObject[], prefix: string, after: string | undefined): void => {
  let last = after
  for (const { key } of objects) {
    if (!key.startsWith(prefix) || (last !== undefined && compareUtf8(key, last) <= 0)) {
      const what = `the listing of ${name}/${prefix} is not in the order of its keys or repeats some`
      throw new TransientError(new StoreError('invalid', `${what}: this store can't be used as it answers now`, key))
    }
    last = key
  }
}
