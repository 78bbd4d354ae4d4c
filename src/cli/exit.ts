import type { MoveFailureReason } from '../api/move-result.ts'
import { ApiError } from '../kube/api-error.ts'
import { messageOf } from '../lib/errors.ts'
import { ManifestError } from '../manifest/error.ts'
import { MoveFailure } from '../mover/failure.ts'
import { StoreError, type StoreFailure } from '../stores/object-store.ts'

/** What the exit code of a verb says: why it ended. */
export const exit = {
  done: 0,
  failed: 1,
  usage: 2,
  notFound: 3,
  notAllowed: 4,
  conflict: 5,
  unreachable: 6,
  timedOut: 7,
  /** It was done, and what came of it is bad: a version that is damaged, an import that failed. */
  badNews: 8,
} as const

/** A sentence for the person who typed, and the code that the program ends with. */
export class CommandError extends Error {
  override readonly name = 'CommandError'
  readonly code: number

  constructor(code: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.code = code
  }
}

const ofStore: Partial<Record<StoreFailure, number>> = {
  'not-found': exit.notFound,
  'no-bucket': exit.notFound,
  'no-credentials': exit.notAllowed,
  credentials: exit.notAllowed,
  denied: exit.notAllowed,
  changed: exit.conflict,
  exists: exit.conflict,
  unreachable: exit.unreachable,
  full: exit.failed,
}

const ofMove: Partial<Record<MoveFailureReason, number>> = {
  SourceNotFound: exit.notFound,
  CredentialsMissing: exit.notAllowed,
  CredentialsDenied: exit.notAllowed,
  Unreachable: exit.unreachable,
  Corrupt: exit.badNews,
  SourceDrifted: exit.badNews,
}

const ofApi = ({ code, isNotFound, isConflict, isAlreadyExists }: ApiError): number => {
  if (isNotFound) return exit.notFound
  if (code === 401 || code === 403) return exit.notAllowed
  if (isConflict || isAlreadyExists) return exit.conflict
  return code >= 500 || code === 429 ? exit.unreachable : exit.failed
}

const networkCodes = ['ECONNREFUSED', 'ENOTFOUND', 'ECONNRESET', 'ETIMEDOUT', 'EHOSTUNREACH', 'EAI_AGAIN']

const isNetwork = (error: unknown): boolean => {
  const { code, cause } = (error ?? {}) as { code?: unknown; cause?: unknown }
  if (typeof code === 'string' && (networkCodes.includes(code) || code.startsWith('UND_ERR_'))) return true
  return cause !== undefined && isNetwork(cause)
}

/** The exit code and the sentence for whatever was thrown. */
export const explain = (error: unknown): { code: number; message: string } => {
  const message = messageOf(error)
  if (error instanceof CommandError) return { code: error.code, message }
  if (error instanceof ApiError) return { code: ofApi(error), message }
  if (error instanceof StoreError) return { code: ofStore[error.failure] ?? exit.failed, message }
  if (error instanceof MoveFailure) return { code: ofMove[error.reason] ?? exit.failed, message }
  if (error instanceof ManifestError) return { code: exit.badNews, message }
  return { code: isNetwork(error) ? exit.unreachable : exit.failed, message }
}
