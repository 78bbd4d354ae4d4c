import { failureOf, MoveFailure } from '../mover/failure.ts'
import { StoreError } from '../stores/object-store.ts'
import { localFailure } from '../transfer/sync/failures.ts'

const keysOf = (error: StoreError): string =>
  error.message.includes('gs://')
    ? 'GOOGLE_APPLICATION_CREDENTIALS, or what gcloud auth application-default login writes'
    : 'AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY (AWS_SESSION_TOKEN with temporary ones), or AWS_PROFILE'

/** What any error means to a person at a terminal: the failures of movers, with remedies that are at hand there. */
export const copyFailure = (error: unknown): MoveFailure => {
  if (error instanceof MoveFailure) return error
  const options = { cause: error }
  if (error instanceof StoreError) {
    if (error.failure === 'no-credentials')
      return new MoveFailure('CredentialsMissing', `no credentials for the store: set ${keysOf(error)}`, [], options)
    if (error.failure === 'credentials')
      return new MoveFailure(
        'CredentialsDenied',
        `${error.message.split(': ')[0]}: check ${keysOf(error)}`,
        [],
        options,
      )
    return failureOf(error)
  }
  const { path, code } = error as NodeJS.ErrnoException
  const local = localFailure(error, path ?? 'a file')
  if (local instanceof MoveFailure) return local
  const name = error instanceof Error ? error.name : 'Error'
  const message = `it failed unexpectedly (${code ?? name}${path === undefined ? '' : ` at ${path}`}): run it again, it goes on where it was`
  return new MoveFailure('Unreachable', message, [], options)
}
