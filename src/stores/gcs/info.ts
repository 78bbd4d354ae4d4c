import type { ObjectInfo } from '../object-store.ts'
import { type Answer, header } from './client.ts'

/** An object as the JSON API describes it, as far as it is asked for with `fieldsOfObject`. */
export interface ObjectResource {
  name?: string
  size?: string
  generation?: string
  md5Hash?: string
  crc32c?: string
  updated?: string
}

export const fieldsOfObject = 'size,generation,md5Hash,crc32c'

/** Generations are positive numbers; anything else was never one, and must not reach the store as a condition. */
export const isGeneration = (etag: string): boolean => /^[1-9]\d{0,18}$/.test(etag)

const hex = (base64: string | undefined): string | undefined =>
  base64 === undefined || base64 === '' ? undefined : Buffer.from(base64, 'base64').toString('hex')

/**
 * What is known of one state of an object. Its generation is its etag: a new one with every write of the bytes, and none for a change of labels. It is
 * its version too where somebody asked for it by that.
 */
const infoFrom = (
  size: number,
  generation: string | undefined,
  version: string | undefined,
  sums: Sums,
): ObjectInfo => {
  const [md5, crc32c] = [hex(sums.md5), hex(sums.crc32c)]
  const checksums = { ...(md5 ? { md5 } : {}), ...(crc32c ? { crc32c } : {}) }
  return {
    size,
    ...(generation === undefined ? {} : { etag: generation }),
    ...(version === undefined ? {} : { version }),
    ...(Object.keys(checksums).length === 0 ? {} : { checksums }),
  }
}

interface Sums {
  md5?: string | undefined
  crc32c?: string | undefined
}

export const infoOfResource = (resource: ObjectResource, version?: string): ObjectInfo => {
  const size = Number(resource.size ?? Number.NaN)
  if (!Number.isSafeInteger(size)) throw new SyntaxError('an object without a size')
  return infoFrom(size, resource.generation, version, { md5: resource.md5Hash, crc32c: resource.crc32c })
}

/** `x-goog-hash: crc32c=…,md5=…` */
const sumsOf = (text: string | undefined): Sums => {
  const sums: Record<string, string> = {}
  for (const part of (text ?? '').split(',')) {
    const at = part.indexOf('=')
    if (at > 0) sums[part.slice(0, at).trim()] = part.slice(at + 1).trim()
  }
  return sums
}

/** Of an answer that brings bytes. `size`: of the whole object. */
export const infoOfHeaders = (
  header: (name: string) => string | undefined,
  size: number,
  version: string | undefined,
): ObjectInfo => infoFrom(size, header('x-goog-generation'), version, sumsOf(header('x-goog-hash')))

/** The same, of the ordinary client. `total`: of the whole object, if a Content-Range said it. */
export const infoOfAnswer = (answer: Answer, total: number | undefined, version?: string): ObjectInfo => {
  const stored = Number(header(answer, 'x-goog-stored-content-length') ?? Number.NaN)
  const size = total ?? (Number.isSafeInteger(stored) ? stored : Number(header(answer, 'content-length') ?? Number.NaN))
  return infoOfHeaders((name) => header(answer, name), size, version)
}
