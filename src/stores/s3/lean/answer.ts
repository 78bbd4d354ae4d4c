import { type ObjectInfo, StoreError } from '../../object-store.ts'
import { TransientError } from '../../retry.ts'
import { infoOf } from '../info.ts'
import { NotUnderstood, type ResponseHead } from './response-head.ts'

/** What an answer has to be the answer to. */
export interface Expected {
  /** `s3://bucket` */
  store: string
  key: string
  /** Of the whole object. */
  size: number
  version?: string | undefined
  ifMatch?: string | undefined
  /** First byte that was asked for, and the one after the last. */
  at: number
  end: number
}

const header = (head: ResponseHead, name: string): string | undefined => head.headers.get(name)

/** `whole`: the answer is the whole object; else what it says of checksums may be about the part. */
export const infoOfHead = ({ headers }: ResponseHead, size: number, whole: boolean): ObjectInfo => {
  const sum = (name: string) => (whole ? headers.get(`x-amz-checksum-${name}`) : undefined)
  const answer = {
    ETag: headers.get('etag'),
    VersionId: headers.get('x-amz-version-id'),
    ServerSideEncryption: headers.get('x-amz-server-side-encryption'),
    SSECustomerAlgorithm: headers.get('x-amz-server-side-encryption-customer-algorithm'),
    ChecksumType: sum('type'),
    ChecksumSHA256: sum('sha256'),
    ChecksumSHA1: sum('sha1'),
    ChecksumCRC32: sum('crc32'),
    ChecksumCRC32C: sum('crc32c'),
    ChecksumCRC64NVME: sum('crc64nvme'),
  }
  return infoOf(answer, size)
}

/** Fails unless the head promises exactly the bytes that were asked for, of the state that was asked for. */
export const checkAnswer = (expected: Expected, head: ResponseHead): ObjectInfo => {
  const { store, key, size, at, end, version, ifMatch } = expected
  const where = `${store}/${key}`
  const whole = at === 0 && end === size
  const info = infoOfHead(head, size, whole)
  const other = ifMatch !== undefined && info.etag !== undefined && info.etag !== ifMatch
  if (other) throw new StoreError('changed', `${where} is another object now than it was`, key)
  if (head.status !== (whole ? 200 : 206)) throw new NotUnderstood(`status ${head.status}`)
  if (head.length === undefined) throw new NotUnderstood('a body without a length')
  const range = whole ? undefined : header(head, 'content-range')
  const total = whole ? head.length : Number(/^bytes \d+-\d+\/(\d{1,15})$/.exec(range ?? '')?.[1])
  if (total !== size) {
    const error = new StoreError('changed', `${where} has another size than it had`, key)
    // The very state that was asked for has the size that it has: somebody on the way miscounted.
    throw version === undefined && ifMatch === undefined ? error : new TransientError(error)
  }
  if (head.length !== end - at || (!whole && range !== `bytes ${at}-${end - 1}/${size}`)) {
    const message = `${where} is answered with another range or length than asked for`
    throw new TransientError(new StoreError('unreachable', message, key))
  }
  return info
}
