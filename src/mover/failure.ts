import type { MoveFailureReason } from '../api/move-result.ts'
import { ManifestError } from '../manifest/error.ts'
import { StoreError, type StoreFailure } from '../stores/object-store.ts'

/** An operation ends without success: why, a sentence for the user, and the files or keys concerned. */
export class MoveFailure extends Error {
  readonly reason: MoveFailureReason
  readonly names: string[]
  constructor(reason: MoveFailureReason, message: string, names: string[] = [], options?: ErrorOptions) {
    super(message, options)
    this.name = 'MoveFailure'
    this.reason = reason
    this.names = names
  }
}

// Where an operation says nothing more exact, a missing object is one that a committed version needs.
const storeReasons: Record<StoreFailure, MoveFailureReason> = {
  'not-found': 'Corrupt',
  'no-bucket': 'SourceNotFound',
  changed: 'CommitConflict',
  exists: 'CommitConflict',
  'no-credentials': 'CredentialsMissing',
  credentials: 'CredentialsDenied',
  denied: 'CredentialsDenied',
  full: 'StoreFull',
  corrupt: 'Corrupt',
  unreachable: 'Unreachable',
  invalid: 'InvalidSpec',
}

const fromSystem = (error: NodeJS.ErrnoException): MoveFailure | undefined => {
  const where = error.path ?? 'the volume'
  if (error.code === 'ENOSPC' || error.code === 'EDQUOT')
    return new MoveFailure(
      'InsufficientSpace',
      'the volume is full: ask for a bigger claim (resources.requests.storage)',
    )
  if (error.code === 'EACCES' || error.code === 'EPERM')
    return new MoveFailure('UnreadableFiles', `${where} may not be opened by this mover (${error.code})`, [where])
  if (error.code === 'EROFS')
    return new MoveFailure(
      'Unreachable',
      `${where} is on a read-only file system: look at the volume, whose disk may have failed, and at how its claim is mounted`,
    )
  if (error.code === 'EIO' || error.code === 'ESTALE')
    return new MoveFailure(
      'Unreachable',
      `${where} could not be read or written (${error.code}): the volume may be failing`,
    )
  return undefined
}

/**
 * What any error means to the operator. What nobody foresaw is transient (exit code 20): it is tried again, and its message gives no more than
 * its kind, because nobody knows what is in it.
 */
export const failureOf = (error: unknown): MoveFailure => {
  if (error instanceof MoveFailure) return error
  const options = { cause: error }
  if (error instanceof StoreError)
    return new MoveFailure(
      storeReasons[error.failure],
      error.message,
      error.key === undefined ? [] : [error.key],
      options,
    )
  if (error instanceof ManifestError)
    return new MoveFailure('Corrupt', error.message, error.path === undefined ? [] : [error.path], options)
  if (error instanceof Error) {
    const known = fromSystem(error)
    if (known !== undefined) return known
  }
  const { name, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : { name: 'Error', code: undefined }
  return new MoveFailure(
    'Unreachable',
    `the mover failed unexpectedly (${code ?? name}) and tries again; its log says where`,
    [],
    options,
  )
}
