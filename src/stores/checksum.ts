import { createHash } from 'node:crypto'
import { crc32 } from 'node:zlib'
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

const hashed = (algorithm: string, expected: string): Checker => {
  const hash = createHash(algorithm)
  return { checks: true, update: (chunk) => hash.update(chunk), matches: () => hash.digest('hex') === expected }
}

const crc = (expected: string): Checker => {
  let sum = 0
  const update = (chunk: Uint8Array) => {
    sum = crc32(chunk, sum)
  }
  return { checks: true, update, matches: () => sum.toString(16).padStart(8, '0') === expected }
}

/** The best of the checksums that the store holds and this machine can compute: sha256, sha1, md5, crc32. */
export const checkerFor = (checksums: ObjectInfo['checksums']): Checker => {
  if (checksums?.sha256) return hashed('sha256', checksums.sha256)
  if (checksums?.sha1) return hashed('sha1', checksums.sha1)
  if (checksums?.md5) return hashed('md5', checksums.md5)
  if (checksums?.crc32) return crc(checksums.crc32)
  return { checks: false, update: () => {}, matches: () => true }
}
