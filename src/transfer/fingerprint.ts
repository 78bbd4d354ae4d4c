import { createHash } from 'node:crypto'
import type { ListedObject } from '../stores/object-store.ts'

/**
 * A digest of a listing: two are equal if and only if no file came, went, or was written again. Of each file: path, size, and the etag (where a store gives
 * none: version or time). Not both etag and version: a listing with versions must give the same as one without.
 * 128 bits of sha256 in 22 characters, so that many fit in one mover's answer: two listings that a person didn't make on purpose never share one.
 */
export const makeFingerprint = (): { add(path: string, object: ListedObject): void; digest(): string } => {
  const hash = createHash('sha256')
  return {
    add: (path, { size, etag, version, modified }) => {
      hash.update(`${JSON.stringify([path, size, etag ?? version ?? modified ?? null])}\n`)
    },
    digest: () => hash.digest().subarray(0, 16).toString('base64url'),
  }
}
