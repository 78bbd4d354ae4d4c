import type { Concurrency } from '../../concurrency.ts'
import type { CallContext } from '../../failures.ts'
import type { FileHashes } from '../../hashing/file-hashes.ts'
import type { Summer } from '../../hashing/sums.ts'
import { type ObjectStore, StoreError } from '../../object-store.ts'
import { TransientError } from '../../retry.ts'
import type { AccessKeys, Identity } from '../credentials.ts'
import type { S3Deps } from '../deps.ts'
import { translate } from '../errors.ts'
import type { Receiver } from './connection.ts'
import type { Connections } from './connections.ts'
import { LocalError } from './local-error.ts'
import type { PartBuffers } from './part-buffers.ts'
import { NotUnderstood, type ResponseHead } from './response-head.ts'
import { encode, type Signer, timestamp } from './sigv4.ts'
import type { Site } from './site.ts'
import type { FetchThreads } from './threads/fetch-threads.ts'

/** What the lean path of a bucket works with. */
export interface Lean {
  s3: S3Deps
  site: Site
  signer: Signer
  identity: Identity
  connections: Connections
  concurrency: Concurrency
  /** Of uploads. */
  hashes: FileHashes
  /** Of downloads. */
  threads: FetchThreads
  partBuffers: PartBuffers
  summer: Summer
  head: ObjectStore['head']
}

export interface LeanRequest {
  method: 'GET' | 'HEAD' | 'PUT'
  /** Empty: the request is about the bucket. */
  key: string
  /** For sentences; reading or writing objects if absent. */
  doing?: string
  /** Percent-encoded, its parameters in order. */
  query: string
  /** Lower-case names. */
  headers: Record<string, string>
  /** sha256 of the body. */
  payload: string
  body?: Uint8Array
  /** What a refused condition (412) means; without it, the ordinary client finds out. */
  onPrecondition?: 'exists' | 'changed' | undefined
}

const transient = new Set([408, 429, 500, 502, 503, 504])
const overload = new Set([429, 503])

const bytesOf = (lean: Lean, request: LeanRequest, keys: AccessKeys | undefined): Buffer => {
  const path = lean.site.path + request.key.split('/').map(encode).join('/')
  const now = timestamp(Date.now() + lean.s3.clockOffset())
  const headers: Record<string, string> = { ...request.headers, host: lean.site.authority }
  if (keys !== undefined) {
    headers['x-amz-content-sha256'] = request.payload
    headers['x-amz-date'] = now
    if (keys.sessionToken) headers['x-amz-security-token'] = keys.sessionToken
  }
  const sorted = Object.entries(headers).sort(([a], [b]) => (a < b ? -1 : 1))
  let text = `${request.method} ${path}${request.query === '' ? '' : `?${request.query}`} HTTP/1.1\r\n`
  for (const [name, value] of sorted) {
    // No header that we make has one; what a caller names might.
    if (/[\r\n]/.test(value)) throw new StoreError('invalid', `a value for ${name} with a line break`, request.key)
    text += `${name}: ${value}\r\n`
  }
  if (keys !== undefined) {
    const unsigned = { method: request.method, path, query: request.query, headers: sorted, payload: request.payload }
    text += `authorization: ${lean.signer.authorization(unsigned, keys, now)}\r\n`
  }
  if (request.body) text += `content-length: ${request.body.length}\r\n`
  return Buffer.from(`${text}\r\n`, 'latin1')
}

/**
 * How an exchange is made: over a connection of this thread, or by another one, which puts the bytes where they belong itself and hands none of them to
 * the receiver.
 */
export type Carrier = (
  request: Uint8Array[],
  receiver: Receiver,
  signal: AbortSignal | undefined,
) => Promise<ResponseHead>

const carrierHere =
  (lean: Lean, { method }: LeanRequest): Carrier =>
  (request, receiver, signal) =>
    // Of a write nobody knows whether it took place: the caller has to.
    lean.connections.exchange(request, receiver, signal, method !== 'PUT')

const outcome = (
  lean: Lean,
  { method, onPrecondition }: LeanRequest,
  head: ResponseHead,
  context: CallContext,
): Error | undefined => {
  const { status } = head
  if (status === 200 || status === 206 || (status === 404 && method === 'HEAD')) return undefined
  if (status === 412 && onPrecondition) return translate({ $metadata: { httpStatusCode: status } }, context)
  // Also of keys that have ended: the ordinary client renews them.
  if (!transient.has(status)) return new NotUnderstood(`status ${status}`, status >= 400)
  const $response = { headers: Object.fromEntries(head.headers) }
  const error = translate({ $metadata: { httpStatusCode: status }, $response }, context)
  if (overload.has(status)) lean.concurrency.overloaded(error instanceof TransientError ? error.after : undefined)
  return error
}

/**
 * Sends one request, as soon as there is room for it, and hands the answer's body on if the status is 200 or 206. Fails with NotUnderstood, a
 * TransientError, a StoreError, a LocalError, or the signal's reason.
 */
export const send = async (
  lean: Lean,
  request: LeanRequest,
  receiver: Receiver,
  signal: AbortSignal | undefined,
  carry: Carrier = carrierHere(lean, request),
): Promise<ResponseHead> => {
  const { method, key, onPrecondition } = request
  const { doing = method === 'PUT' ? 'write objects' : 'read objects' } = request
  const about = { ...(key === '' ? {} : { key }), ...(onPrecondition ? { onPrecondition } : {}) }
  const context: CallContext = { store: lean.s3.name, doing, ...about }
  let failure: Error | undefined
  const wary: Receiver = {
    begin: (head) => {
      failure = outcome(lean, request, head, context)
      return failure === undefined && receiver.begin(head)
    },
    data: receiver.data,
    bodiless: method === 'HEAD',
  }
  const work = async () => {
    const out: Uint8Array[] = [bytesOf(lean, request, await lean.identity.keys())]
    if (request.body?.length) out.push(request.body)
    const head = await carry(out, wary, signal)
    return { head, bytes: failure ? 0 : (head.length ?? 0) + (request.body?.length ?? 0) }
  }
  try {
    const { head } = await lean.concurrency.run(work, signal)
    if (failure) throw failure
    return head
  } catch (error) {
    if (error instanceof NotUnderstood || error instanceof LocalError) throw error
    throw translate(error, context, signal)
  }
}
