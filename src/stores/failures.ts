import { StoreError, type StoreFailure } from './object-store.ts'
import { TransientError } from './retry.ts'

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

/** What a server asks for in Retry-After, in milliseconds. */
export const retryAfter = (header: string | undefined): number | undefined => {
  const seconds = Number(header)
  return header !== undefined && Number.isFinite(seconds) && seconds >= 0 ? seconds * 1000 : undefined
}

/** Error codes of servers and of Node are words; anything else may hold what a server echoed and is not repeated. */
export const wordOf = (error: { code?: unknown; name?: unknown }): string => {
  for (const word of [error.code, error.name])
    if (typeof word === 'string' && /^[A-Za-z][A-Za-z0-9_]{0,60}$/.test(word)) return word
  return 'Error'
}

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
  full: (where, what) => `${where} can't be written, the store is full (${what}): make room in it, or raise its quota`,
  corrupt: (where) => `the bytes of ${where} differ from the checksum that the store holds`,
  unreachable: (where, what) => `no answer for ${where} (${what}): check the endpoint, or wait until the store is back`,
  invalid: (where, what) => `the store refused the request for ${where} as invalid (${what})`,
}

/** A failure with its sentence; `what`: a word about why, or what was tried. */
export const storeError = (failure: StoreFailure, context: CallContext, what: string): StoreError => {
  const where = context.key === undefined ? context.store : `${context.store}/${context.key}`
  return new StoreError(failure, sentences[failure](where, what), context.key)
}

/** What a broken connection means, by its code; undefined if the code is about something else. A certificate that is not trusted stays so. */
export const networkFailure = (code: string, context: CallContext): Error | undefined => {
  if (tlsCodes.test(code) && code !== 'ERR_SSL_WRONG_VERSION_NUMBER') {
    const what = `its certificate is not trusted, ${code}; name the right authority in caConfigMapName`
    return storeError('unreachable', context, what)
  }
  return networkCodes.has(code) ? new TransientError(storeError('unreachable', context, code)) : undefined
}
