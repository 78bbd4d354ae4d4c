import type { Summer } from './hashing/sums.ts'
import type { ObjectInfo } from './object-store.ts'

/** Sums up bytes as they pass and says in the end whether they are what the store recorded. */
export interface Checker {
  /** False: the store told nothing that could be checked. */
  readonly checks: boolean
  update(chunk: Uint8Array): void
  matches(): boolean
}

const md5Etag = /^[0-9a-f]{32}$/

/** The md5 that an S3 etag is for objects put in one piece; none for multipart ones and for those encrypted with a key of the owner. */
export const md5OfEtag = (etag: string | undefined): string | undefined =>
  etag !== undefined && md5Etag.test(etag) ? etag : undefined

/** The strongest first. */
const preferred = ['sha256', 'sha1', 'md5', 'crc32', 'crc32c', 'crc64nvme'] as const

/** By the best of the checksums that the store holds. `summer`: one for all objects of a store, since some sums take a moment to set up. */
export const checkerFor = (checksums: ObjectInfo['checksums'], summer: Summer): Checker => {
  const algorithm = preferred.find((name) => checksums?.[name] !== undefined)
  if (algorithm === undefined) return { checks: false, update: () => {}, matches: () => true }
  const sum = summer.start(algorithm)
  return { checks: true, update: (chunk) => sum.update(chunk), matches: () => sum.hex() === checksums?.[algorithm] }
}
