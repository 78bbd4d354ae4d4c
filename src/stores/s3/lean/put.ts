import { hash } from 'node:crypto'
import type { ObjectInfo, PutOptions } from '../../object-store.ts'
import { TransientError, withRetry } from '../../retry.ts'
import { putObject } from '../put.ts'
import { ordinaryPart, type Part, type PartBytes, type Sender, type Upload } from '../upload.ts'
import { infoOfHead } from './answer.ts'
import type { LeanRequest } from './request-text.ts'
import { NotUnderstood, type ResponseHead } from './response-head.ts'
import { type Lean, send } from './send.ts'
import { encode } from './sigv4.ts'

const conditions = (options: PutOptions): Record<string, string> => ({
  ...(options.contentType ? { 'content-type': options.contentType } : {}),
  ...(options.ifAbsent ? { 'if-none-match': '*' } : {}),
  ...(options.ifMatch === undefined ? {} : { 'if-match': `"${options.ifMatch}"` }),
})

const receiver = {
  begin: (head: ResponseHead) => {
    if (head.status !== 200) throw new NotUnderstood(`status ${head.status}`)
    return true
  },
  data: () => {},
}

/** Sends a body; its digest is signed with the request, so the store refuses what was damaged on the way. */
const submit = (lean: Lean, request: LeanRequest, signal: AbortSignal | undefined): Promise<ResponseHead> => {
  // Without a signature nothing would protect the bytes.
  if (!lean.identity.signs) return Promise.reject(new NotUnderstood('an upload without a signature', true))
  return send(lean, request, receiver, signal)
}

const requestOf = (key: string, body: Uint8Array, options: PutOptions, payload: string): LeanRequest => {
  const onPrecondition = options.ifAbsent ? 'exists' : options.ifMatch === undefined ? undefined : 'changed'
  return { method: 'PUT', key, query: '', headers: conditions(options), payload, body, onPrecondition }
}

/** One PUT. What isn't plain success or a passing trouble, the ordinary client tries and judges. */
export const leanPut = async (
  lean: Lean,
  key: string,
  bytes: Uint8Array,
  options: PutOptions = {},
  sha256?: string,
): Promise<ObjectInfo> => {
  const conditional = options.ifAbsent === true || options.ifMatch !== undefined
  const request = requestOf(key, bytes, options, sha256 ?? hash('sha256', bytes, 'hex'))
  let unsure = false
  try {
    return await withRetry(lean.s3.retry, options.signal, async () => {
      // Whether an earlier try of ours is what a condition is refused for now, the ordinary client finds out.
      if (conditional && unsure) throw new NotUnderstood('what became of a try')
      try {
        return infoOfHead(await submit(lean, request, options.signal), bytes.length, true)
      } catch (error) {
        if (error instanceof TransientError || (error instanceof NotUnderstood && !error.refused)) unsure = true
        throw error
      }
    })
  } catch (error) {
    if (!(error instanceof NotUnderstood)) throw error
    return putObject(lean.s3, key, bytes, options, unsure)
  }
}

const leanPart =
  (lean: Lean) =>
  async (upload: Upload, number: number, part: PartBytes): Promise<Part> => {
    const { bytes, sha256 = hash('sha256', bytes, 'hex') } = part
    const query = `partNumber=${number}&uploadId=${encode(upload.id)}`
    const request = { method: 'PUT' as const, key: upload.key, query, headers: {}, payload: sha256, body: bytes }
    try {
      const head = await withRetry(lean.s3.retry, upload.signal, () => submit(lean, request, upload.signal))
      const etag = head.headers.get('etag')
      if (etag === undefined) throw new NotUnderstood('a part without an etag')
      return { PartNumber: number, ETag: etag }
    } catch (error) {
      if (!(error instanceof NotUnderstood)) throw error
      return ordinaryPart(upload, number, part)
    }
  }

export const leanSender = (lean: Lean): Sender => ({
  put: (key, bytes, options) => leanPut(lean, key, bytes, options),
  part: leanPart(lean),
  inFlight: 6,
})
