import type { MoveFailureReason } from '../api/move.ts'
import { ManifestError } from '../manifest/error.ts'
import { StoreError, type StoreFailure } from '../stores/object-store.ts'

/** How an operation ends that a person or a later try must see to. Becomes a MoveFailed and an exit code. */
export class MoveFailure extends Error {
  readonly reason: MoveFailureReason
  /** Files or keys concerned; the first five are reported. */
  readonly names: readonly string[]
  constructor(reason: MoveFailureReason, message: string, names: readonly string[] = []) {
    super(message)
    this.name = 'MoveFailure'
    this.reason = reason
    this.names = names
  }
}

/** Whose store it was that failed: what is missing or changed means something else in each. */
export type StoreRole = 'source' | 'store' | 'destination'

const always: Partial<Record<StoreFailure, MoveFailureReason>> = {
  'no-bucket': 'SourceNotFound',
  'no-credentials': 'CredentialsMissing',
  credentials: 'CredentialsDenied',
  denied: 'CredentialsDenied',
  corrupt: 'Corrupt',
  unreachable: 'Unreachable',
  invalid: 'InvalidSpec',
}

const byRole: Record<StoreRole, Record<'not-found' | 'changed' | 'exists', MoveFailureReason>> = {
  source: { 'not-found': 'SourceDrifted', changed: 'SourceDrifted', exists: 'SourceDrifted' },
  // Nothing that Granary stored may vanish or become something else.
  store: { 'not-found': 'Corrupt', changed: 'Corrupt', exists: 'CommitConflict' },
  destination: { 'not-found': 'DestinationChanged', changed: 'DestinationChanged', exists: 'DestinationChanged' },
}

const reasonOf = (failure: StoreFailure, role: StoreRole): MoveFailureReason =>
  always[failure] ?? byRole[role][failure as 'not-found' | 'changed' | 'exists']

/** A StoreError or ManifestError as what it means for the move. Anything else, an abort included, is passed on as it is. */
export const asMoveFailure = (error: unknown, role: StoreRole): unknown => {
  if (error instanceof StoreError) {
    const reason = reasonOf(error.failure, role)
    return new MoveFailure(reason, error.message, error.key === undefined ? [] : [error.key])
  }
  if (error instanceof ManifestError) {
    return new MoveFailure('Corrupt', error.message, error.path === undefined ? [] : [error.path])
  }
  return error
}

/** Runs work on one store and says of its failures whose store it was. */
export const onStore = async <T>(role: StoreRole, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    throw asMoveFailure(error, role)
  }
}
