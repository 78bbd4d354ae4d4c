import { type CallContext, networkFailure, retryAfter, storeError, wordOf } from '../failures.ts'
import { StoreError, type StoreFailure } from '../object-store.ts'
import { TransientError } from '../retry.ts'

/** An answer that is none of those that a call can use. */
export class HttpError extends Error {
  readonly status: number
  /** Of the answer, in lower case. */
  readonly retryAfter: string | undefined
  /** The first reason that the JSON of an error names, such as `rateLimitExceeded`. */
  readonly reason: string | undefined
  /** The server's own words: to be looked at, never to be repeated. */
  readonly said: string
  constructor(status: number, body: string, after?: string) {
    super(`status ${status}`)
    this.name = 'HttpError'
    this.status = status
    this.retryAfter = after
    this.said = body.slice(0, 2000)
    this.reason = /"reason":\s*"([A-Za-z]{1,60})"/.exec(this.said)?.[1]
  }
}

const undiciCodes =
  /^UND_ERR_(CONNECT_TIMEOUT|HEADERS_TIMEOUT|BODY_TIMEOUT|SOCKET|CLOSED|RES_CONTENT_LENGTH_MISMATCH|INFO)$/

const transientReasons = new Set(['rateLimitExceeded', 'userRateLimitExceeded', 'backendError', 'internalError'])

const byStatus = (error: HttpError, context: CallContext): StoreFailure | 'transient' => {
  const { status, reason = '' } = error
  if (transientReasons.has(reason) || status >= 500 || status === 429 || status === 408) return 'transient'
  // Two writes of one object at the same moment.
  if (status === 409) return 'transient'
  if (status === 412 || status === 304) return context.onPrecondition ?? 'changed'
  if (status === 404 || status === 410) {
    const ofBucket = context.key === undefined || /bucket does not exist/i.test(error.said)
    return ofBucket ? 'no-bucket' : 'not-found'
  }
  if (status === 401) return 'credentials'
  if (status === 403) return 'denied'
  return 'invalid'
}

const fromAnswer = (error: HttpError, context: CallContext): Error => {
  const { status, reason, said } = error
  const what = reason === undefined ? String(status) : `${status} ${reason}`
  // The bytes were damaged on their way, and the store noticed.
  if (status === 400 && /hash|checksum|crc32c/i.test(said))
    return new TransientError(storeError('corrupt', context, what))
  const failure = byStatus(error, context)
  if (failure === 'transient')
    return new TransientError(storeError('unreachable', context, what), retryAfter(error.retryAfter))
  return storeError(failure, context, failure === 'denied' ? context.doing : what)
}

const fromConnection = (thrown: unknown, context: CallContext): Error => {
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as { code?: string; cause?: unknown }
  const cause = (typeof error.cause === 'object' && error.cause !== null ? error.cause : {}) as { code?: string }
  const known = networkFailure(wordOf(error), context) ?? networkFailure(wordOf(cause), context)
  if (known) return known
  const word = wordOf(error)
  // An answer that could not be read was cut off on its way.
  const network = undiciCodes.test(word) || /^(HPE_|HTTPParserError)/.test(word) || thrown instanceof SyntaxError
  const failure = storeError(network ? 'unreachable' : 'invalid', context, word)
  return network ? new TransientError(failure) : failure
}

/**
 * Makes a StoreError or a TransientError of whatever a request failed with. The message is built anew from known words: what servers and clients say may
 * quote addresses that hold upload tokens. An abort of our own signal is passed on as it is.
 */
export const translate = (thrown: unknown, context: CallContext, signal?: AbortSignal): Error => {
  if (thrown instanceof StoreError || thrown instanceof TransientError) return thrown
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : new Error('aborted')
  return thrown instanceof HttpError ? fromAnswer(thrown, context) : fromConnection(thrown, context)
}
