import { md5OfEtag } from '../checksum.ts'
import type { ObjectInfo } from '../object-store.ts'

/** What GetObject, HeadObject and PutObject answers have in common. */
export interface Answer {
  ETag?: string | undefined
  VersionId?: string | undefined
  ServerSideEncryption?: string | undefined
  SSECustomerAlgorithm?: string | undefined
  ChecksumType?: string | undefined
  ChecksumSHA256?: string | undefined
  ChecksumSHA1?: string | undefined
  ChecksumCRC32?: string | undefined
  ChecksumCRC32C?: string | undefined
  ChecksumCRC64NVME?: string | undefined
}

/** Base64 to hex; nothing for a sum over parts (`…-3`), which says nothing of the whole. */
const whole = (sum: string | undefined): string | undefined =>
  sum === undefined || sum === '' || sum.includes('-') ? undefined : Buffer.from(sum, 'base64').toString('hex')

/** With a key of the owner's the etag is no md5 of the bytes. */
const etagIsMd5 = (answer: Answer): boolean =>
  answer.SSECustomerAlgorithm === undefined && !answer.ServerSideEncryption?.startsWith('aws:kms')

export const infoOf = (answer: Answer, size: number): ObjectInfo => {
  const info: ObjectInfo = { size }
  const { ETag, VersionId } = answer
  const etag = ETag?.startsWith('"') ? ETag.replace(/^"|"$/g, '') : ETag
  if (etag) info.etag = etag
  if (VersionId && VersionId !== 'null') info.version = VersionId
  const checksums: NonNullable<ObjectInfo['checksums']> = {}
  const add = (name: keyof typeof checksums, sum: string | undefined) => {
    if (sum === undefined) return
    checksums[name] = sum
    info.checksums = checksums
  }
  if (etagIsMd5(answer)) add('md5', md5OfEtag(etag))
  if (answer.ChecksumType === 'COMPOSITE') return info
  add('sha256', whole(answer.ChecksumSHA256))
  add('sha1', whole(answer.ChecksumSHA1))
  add('crc32', whole(answer.ChecksumCRC32))
  add('crc32c', whole(answer.ChecksumCRC32C))
  add('crc64nvme', whole(answer.ChecksumCRC64NVME))
  return info
}
