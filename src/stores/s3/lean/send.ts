import type { Buffers } from '../../../lib/buffers.ts'
import type { Concurrency } from '../../concurrency.ts'
import type { CallContext } from '../../failures.ts'
import type { FileHashes } from '../../hashing/file-hashes.ts'
import type { Summer } from '../../hashing/sums.ts'
import type { ObjectStore } from '../../object-store.ts'
import { TransientError } from '../../retry.ts'
import type { Identity } from '../credentials.ts'
import type { S3Deps } from '../deps.ts'
import { translate } from '../errors.ts'
import type { Carrier } from './carrier.ts'
import type { Receiver } from './connection.ts'
import type { Connections } from './connections.ts'
import { LocalError } from './local-error.ts'
import type { PartBuffers } from './part-buffers.ts'
import { type LeanRequest, requestText } from './request-text.ts'
import { NotUnderstood, type ResponseHead } from './response-head.ts'
import type { Signer } from './sigv4.ts'
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
  /** For small objects on their way. */
  buffers: Buffers
  summer: Summer
  head: ObjectStore['head']
}

const transient = new Set([408, 429, 500, 502, 503, 504])
const overload = new Set([429, 503])

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
    const text = requestText(lean, request, await lean.identity.keys(), Date.now() + lean.s3.clockOffset())
    const out = request.body?.length ? [text, request.body] : [text]
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
