import type { ListedObject } from '../stores/object-store.ts'
import { makeFilter } from './filter.ts'
import { makeFingerprint } from './fingerprint.ts'
import { KeyRules } from './keys.ts'
import type { SourceRules } from './source.ts'

export interface SourceListing {
  /** The next object of the listing, in its order; whether a look at the source takes it for a file. */
  add(object: ListedObject): boolean
  /** The fingerprint that a look would give; undefined if it would complain. */
  digest(): string | undefined
}

/** What a look at the source would make of a listing that is read for another reason. */
export const sourceListing = (prefix: string, source: SourceRules): SourceListing => {
  const rules = new KeyRules(prefix, makeFilter(source))
  const fingerprint = makeFingerprint()
  return {
    add: (object) => {
      const verdict = rules.judge(object.key, object.size)
      if (verdict.kind === 'file') fingerprint.add(verdict.path, object)
      return verdict.kind === 'file'
    },
    digest: () => (rules.invalid > 0 ? undefined : fingerprint.digest()),
  }
}
