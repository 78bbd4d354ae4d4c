import { wordOf } from '../failures.ts'
import { StoreError } from '../object-store.ts'
import { TransientError } from '../retry.ts'

/** Answers of 4xx that are about the moment and not about who asks. */
const momentary = new Set(['IDPCommunicationError', 'IDPCommunicationErrorException', 'RequestExpired'])

interface IssuerError {
  name?: string
  code?: string
  $metadata?: { httpStatusCode?: number }
  cause?: unknown
}

/**
 * Why there are no keys: nobody gave the pod an identity (in the end `no-credentials`), the role does not trust it (`credentials`), or the issuer does
 * not answer (transient). The words of the SDK are not repeated: they may quote tokens.
 */
export const fromIssuer = (thrown: unknown, store: string): Error => {
  if (thrown instanceof StoreError || thrown instanceof TransientError) return thrown
  const error = (typeof thrown === 'object' && thrown !== null ? thrown : {}) as IssuerError
  const word = wordOf(error)
  const status = error.$metadata?.httpStatusCode
  const aboutMoment =
    status === 408 || status === 429 || momentary.has(word) || /^(Throttling|TooManyRequests)/.test(word)
  if (status !== undefined && status >= 400 && status < 500 && !aboutMoment) {
    const advice = 'check that the role exists and trusts the service account that the mover runs as'
    return new StoreError('credentials', `nobody issues credentials for ${store} to this pod (${word}): ${advice}`)
  }
  if (word === 'CredentialsProviderError' || word === 'TokenFileError' || word === 'ProviderError') {
    // The SDK says the same when an agent on the node does not answer yet: worth some more tries.
    const advice = 'name a Secret in credentials.secretName, or a service account that has a role'
    return new TransientError(new StoreError('no-credentials', `no credentials for ${store}: ${advice}`))
  }
  const final = new StoreError('unreachable', `no credentials for ${store} yet: their issuer does not answer (${word})`)
  return new TransientError(final)
}
