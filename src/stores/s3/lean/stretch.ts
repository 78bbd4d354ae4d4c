import { type ObjectInfo, StoreError } from '../../object-store.ts'
import { pause, TransientError } from '../../retry.ts'
import { infoOf } from '../info.ts'
import { NotUnderstood, type ResponseHead } from './response-head.ts'
import { type Lean, type LeanRequest, send } from './send.ts'
import { emptyPayload, encode } from './sigv4.ts'

/** One stretch of one state of an object: all of it, or a range. */
export interface Stretch {
  key: string
  /** Of the whole object. */
  size: number
  version?: string | undefined
  ifMatch?: string | undefined
  /** First byte, and the one after the last. */
  start: number
  end: number
  /** Takes bytes and where they stand in the object; they are good during the call only. */
  take: (chunk: Buffer, at: number) => void
  signal?: AbortSignal | undefined
}

const header = (head: ResponseHead, name: string): string | undefined => head.headers.get(name)

/** `whole`: the answer is the whole object; else what it says of checksums may be about the part. */
export const infoOfHead = (head: ResponseHead, size: number, whole: boolean): ObjectInfo =>
  infoOf(
    {
      ETag: header(head, 'etag'),
      VersionId: header(head, 'x-amz-version-id'),
      ServerSideEncryption: header(head, 'x-amz-server-side-encryption'),
      SSECustomerAlgorithm: header(head, 'x-amz-server-side-encryption-customer-algorithm'),
      ...(whole && {
        ChecksumType: header(head, 'x-amz-checksum-type'),
        ChecksumSHA256: header(head, 'x-amz-checksum-sha256'),
        ChecksumSHA1: header(head, 'x-amz-checksum-sha1'),
        ChecksumCRC32: header(head, 'x-amz-checksum-crc32'),
        ChecksumCRC32C: header(head, 'x-amz-checksum-crc32c'),
        ChecksumCRC64NVME: header(head, 'x-amz-checksum-crc64nvme'),
      }),
    },
    size,
  )

interface Pin {
  version?: string | undefined
  ifMatch?: string | undefined
}

/** Fails unless the head promises exactly the bytes that were asked for, of the state that was asked for. */
const check = (lean: Lean, stretch: Stretch, pin: Pin, at: number, head: ResponseHead): ObjectInfo => {
  const { key, size, end } = stretch
  const where = `${lean.s3.name}/${key}`
  const whole = at === 0 && end === size
  const info = infoOfHead(head, size, whole)
  const other = pin.ifMatch !== undefined && info.etag !== undefined && info.etag !== pin.ifMatch
  if (other) throw new StoreError('changed', `${where} is another object now than it was`, key)
  if (head.status !== (whole ? 200 : 206)) throw new NotUnderstood(`status ${head.status}`)
  if (head.length === undefined) throw new NotUnderstood('a body without a length')
  const range = whole ? undefined : header(head, 'content-range')
  const total = whole ? head.length : Number(/^bytes \d+-\d+\/(\d{1,15})$/.exec(range ?? '')?.[1])
  if (total !== size) {
    const error = new StoreError('changed', `${where} has another size than it had`, key)
    // The very state that was asked for has the size that it has: somebody on the way miscounted.
    throw pin.version === undefined && pin.ifMatch === undefined ? error : new TransientError(error)
  }
  if (head.length !== end - at || (!whole && range !== `bytes ${at}-${end - 1}/${size}`)) {
    const message = `${where} is answered with another range or length than asked for`
    throw new TransientError(new StoreError('unreachable', message, key))
  }
  return info
}

const requestFor = (stretch: Stretch, pin: Pin, at: number): LeanRequest => {
  const whole = at === 0 && stretch.end === stretch.size
  return {
    method: 'GET',
    key: stretch.key,
    query: pin.version === undefined ? '' : `versionId=${encode(pin.version)}`,
    headers: {
      'x-amz-checksum-mode': 'ENABLED',
      ...(pin.ifMatch === undefined ? {} : { 'if-match': `"${pin.ifMatch}"` }),
      ...(whole ? {} : { range: `bytes=${at}-${stretch.end - 1}` }),
    },
    payload: emptyPayload,
  }
}

/** What further requests ask for, so that no two states are mixed. */
const pinnedBy = (pin: Pin, info: ObjectInfo | undefined): Pin => {
  if (pin.version !== undefined || info === undefined) return pin
  return { version: info.version, ifMatch: pin.ifMatch ?? (info.version === undefined ? info.etag : undefined) }
}

/**
 * Brings a stretch. A broken connection is resumed where it broke, in the same state; a try that brought bytes starts the count of tries anew.
 * What the info says of checksums holds for whole objects only.
 */
export const fetchStretch = async (lean: Lean, stretch: Stretch): Promise<ObjectInfo> => {
  const { retry } = lean.s3
  let pin: Pin = stretch
  let info: ObjectInfo | undefined
  let at = stretch.start
  let failures = 0
  for (;;) {
    const from = at
    const receiver = {
      begin: (head: ResponseHead) => {
        const found = check(lean, stretch, pin, from, head)
        info ??= found
        return true
      },
      data: (chunk: Buffer) => {
        stretch.take(chunk, at)
        at += chunk.length
      },
    }
    try {
      await send(lean, requestFor(stretch, pin, from), receiver, stretch.signal)
      return info!
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      pin = pinnedBy(pin, info)
      failures = at > from ? 1 : failures + 1
      const free = pin.version === undefined && pin.ifMatch === undefined
      if (failures >= retry.attempts || (free && at > stretch.start)) throw error.final
      await pause(retry, failures + 1, error.after, stretch.signal)
    }
  }
}
