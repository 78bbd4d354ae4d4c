import { StoreError, type StoreFailure } from '../object-store.ts'
import { TransientError } from '../retry.ts'

/** What a call was about, for the sentence that a person reads. */
export interface CallContext {
  /** `s3://bucket` */
  store: string
  /** A verb phrase: `list`, `read`, `write`. */
  doing: string
  key?: string
  /** A refused condition means: the object is there already (`exists`) or is another one now (`changed`). */
  onPrecondition?: 'exists' | 'changed'
}

interface SdkError {
  name?: string
  code?: string
  message?: string
  $metadata?: { httpStatusCode?: number }
  $response?: { headers?: Record<string, string>; statusCode?: number }
}

const credentialCodes = new Set([
  ...['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'ExpiredToken', 'InvalidToken', 'TokenRefreshRequired'],
  ...['ExpiredTokenException', 'InvalidSecurity', 'NotSignedUp', 'Unauthorized'],
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
const networkCodes = new Set([
  ...['ECONNREFUSED', 'ECONNRESET', 'ECONNABORTED', 'EPIPE', 'ETIMEDOUT', 'ENOTFOUND', 'EAI_AGAIN', 'EHOSTUNREACH'],
  ...[
    'ENETUNREACH',
    'EADDRNOTAVAIL',
    'ERR_STREAM_PREMATURE_CLOSE',
    'EPROTO',
    'ENETDOWN',
    'EHOSTDOWN',
    'ERR_SSL_WRONG_VERSION_NUMBER',
  ],
])
const tlsCodes =
  /^(CERT_|UNABLE_TO_|DEPTH_ZERO_SELF_SIGNED_CERT|SELF_SIGNED_CERT_IN_CHAIN|ERR_TLS_CERT_ALTNAME_INVALID|ERR_SSL_)/

const retryAfter = (error: SdkError): number | undefined => {
  const seconds = Number(error.$response?.headers?.['retry-after'])
  return Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

/** Error codes of S3 and of Node are words; anything else may hold what a server echoed and is not repeated. */
const safeCode = (error: SdkError): string => {
  for (const code of [error.code, error.name]) if (code && /^[A-Za-z][A-Za-z0-9_]{0,60}$/.test(code)) return code
  return 'Error'
}

/** The store does not take the keys that a request was signed with: others may do. */
export const refusesKeys = (thrown: unknown): boolean =>
  typeof thrown === 'object' && thrown !== null && credentialCodes.has(safeCode(thrown as SdkError))

const sentences: Record<StoreFailure, (where: string, what: string) => string> = {
  'not-found': (where) => `${where} is not there`,
  'no-bucket': (where) => `the bucket of ${where} does not exist: check its name, region and endpoint`,
  changed: (where) => `${where} is another object now than it was`,
  exists: (where) => `${where} is there already`,
  'no-credentials': (where) =>
    `no credentials for ${where}: name a Secret, or run as a service account that the store knows`,
  credentials: (where, what) =>
    `the store refused the credentials for ${where} (${what}): check the keys in the Secret, or the role of the service account`,
  denied: (where, what) => `these credentials may not ${what}: ${where} needs a policy that allows it`,
  corrupt: (where) => `the bytes of ${where} differ from the checksum that the store holds`,
  unreachable: (where, what) => `no answer for ${where} (${what}): check the endpoint, or wait until the store is back`,
  invalid: (where, what) => `the store refused the request for ${where} as invalid (${what})`,
}

const storeError = (failure: StoreFailure, context: CallContext, what: string): StoreError => {
  const where = context.key === undefined ? context.store : `${context.store}/${context.key}`
  return new StoreError(failure, sentences[failure](where, what), context.key)
}

const byStatus = (status: number | undefined, code: string, context: CallContext): StoreFailure | 'transient' => {
  if (code === 'NoSuchBucket') return 'no-bucket'
  if (code === 'NoSuchKey' || code === 'NoSuchVersion' || code === 'NoSuchUpload') return 'not-found'
  if (code === 'CredentialsProviderError') return 'no-credentials'
  if (credentialCodes.has(code)) return 'credentials'
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
  const code = safeCode(error)
  if (tlsCodes.test(code) && code !== 'ERR_SSL_WRONG_VERSION_NUMBER') {
    const what = `its certificate is not trusted, ${code}; name the right authority in caConfigMapName`
    return storeError('unreachable', context, what)
  }
  if (networkCodes.has(code)) return new TransientError(storeError('unreachable', context, code))
  const status = error.$metadata?.httpStatusCode ?? error.$response?.statusCode
  const failure = byStatus(status, code, context)
  if (failure === 'transient') {
    const final = code === 'BadDigest' || code === 'XAmzContentSHA256Mismatch' ? 'corrupt' : 'unreachable'
    return new TransientError(storeError(final, context, status ? `${status} ${code}` : code), retryAfter(error))
  }
  return storeError(failure, context, failure === 'denied' ? context.doing : code)
}
