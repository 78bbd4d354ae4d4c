import { type CallContext, networkFailure, retryAfter, storeError, wordOf } from '../failures.ts'
import { StoreError, type StoreFailure } from '../object-store.ts'
import { TransientError } from '../retry.ts'

interface SdkError {
  name?: string
  code?: string
  message?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { headers?: Record<string, string>; statusCode?: number }
}

const credentialCodes = new Set([
  ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'TokenRefreshRequired'],
  ...['ExpiredTokenException', 'InvalidSecurity', 'NotSignedUp', 'Unauthorized', 'InvalidTokenId'],
])
const fullCodes = new Set([
  ...['XMinioStorageFull', 'XMinioAdminBucketQuotaExceeded', 'QuotaExceeded', 'InsufficientCapacity'],
])
const transientCodes = new Set([
  ...[
    'SlowDown',
    'InternalError',
    'ServiceUnavailable',
    'RequestTimeout',
    'IncompleteBody',
    'Throttling',
    'TimeoutError',
  ],
  ...['ThrottlingException', 'TooManyRequests', 'TooManyRequestsException', 'RequestLimitExceeded', 'OperationAborted'],
  ...['ConditionalRequestConflict', 'RequestTimeTooSkewed', 'BadDigest', 'XAmzContentSHA256Mismatch'],
])

/** The store does not take the keys that a request was signed with: others may do. */
export const refusesKeys = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && credentialCodes.has(wordOf(thrown as SdkError))

const byStatus = (status: number | undefined, code: string, context: CallContext): StoreFailure | 'transient' => {
  if (code === 'NoSuchBucket') return 'no-bucket'
  if (code === 'NoSuchKey' || code === 'NoSuchVersion' || code === 'NoSuchUpload') return 'not-found'
  if (code === 'CredentialsProviderError') return 'no-credentials'
  if (credentialCodes.has(code)) return 'credentials'
  if (fullCodes.has(code) || status === 507) return 'full'
  if (transientCodes.has(code)) return 'transient'
  if (code === 'NotImplemented' || status === 501) return 'invalid'
  if (status === undefined || status >= 500 || status === 429 || status === 408 || status === 409) return 'transient'
  if (status === 412) return context.onPrecondition ?? 'changed'
  if (status === 404) return context.key === undefined ? 'no-bucket' : 'not-found'
  if (status === 401) return 'credentials'
  if (status === 403) return 'denied'
  // A good status with an answer that could not be read: cut off on the way.
  return status < 300 ? 'transient' : 'invalid'
}

/**
 * Makes a StoreError or a TransientError of whatever the SDK threw. The message is built anew from known words: SDK errors quote
 * requests, which hold signatures. An abort of our own signal is passed on as it is.
 */
export const translate = (thrown: unknown, context: CallContext, signal?: AbortSignal): Error => {
  if (thrown instanceof StoreError || thrown instanceof TransientError) return thrown
  if (signal?.aborted) return signal.reason instanceof Error ? signal.reason : new Error('aborted')
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as SdkError
  const code = wordOf(error)
  const network = networkFailure(code, context)
  if (network) return network
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode
  const failure = byStatus(status, code, context)
  if (failure === 'transient') {
    const final = code === 'BadDigest' || code === 'XAmzContentSHA256Mismatch' ? 'corrupt' : 'unreachable'
    return new TransientError(
      storeError(final, context, status ? `${status} ${code}` : code),
      retryAfter(error.$response?.headers?.['retry-after']),
    )
  }
  return storeError(failure, context, failure === 'denied' ? context.doing : code)
}
