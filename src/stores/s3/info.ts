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
  const etag = answer.ETag?.replace(/^"|"$/g, '')
  const composite = answer.ChecksumType === 'COMPOSITE'
  const sums = {
    md5: etagIsMd5(answer) ? md5OfEtag(etag) : undefined,
    sha256: composite ? undefined : whole(answer.ChecksumSHA256),
    sha1: composite ? undefined : whole(answer.ChecksumSHA1),
    crc32: composite ? undefined : whole(answer.ChecksumCRC32),
    crc32c: composite ? undefined : whole(answer.ChecksumCRC32C),
    crc64nvme: composite ? undefined : whole(answer.ChecksumCRC64NVME),
  }
  const checksums: Record<string, string> = {}
  for (const [name, sum] of Object.entries(sums)) if (sum !== undefined) checksums[name] = sum
  const version = answer.VersionId
  return {
    size,
    ...(etag ? { etag } : {}),
    ...(version && version !== 'null' ? { version } : {}),
    ...(Object.keys(checksums).length > 0 ? { checksums } : {}),
  }
}
