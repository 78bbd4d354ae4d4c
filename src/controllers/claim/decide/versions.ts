import type { DatasetVersion } from '../../../api/dataset-version.ts'

/** Its bytes are in the store, or nobody wants them. A version that failed for good still has them on its volume alone. */
export const isDone = ({ status }: DatasetVersion): boolean =>
  status?.phase === 'Committed' || status?.phase === 'Abandoned' || status?.phase === 'Expired'

/** The version controller has not said yet what becomes of the bytes. */
export const isUndecided = ({ status }: DatasetVersion): boolean =>
  status?.phase === undefined ||
  status.phase === 'Pending' ||
  status.phase === 'Initializing' ||
  status.phase === 'Running'

/** The one that the bytes on the claim belong to now: a claim that is used again belongs to a newer version each time. */
export const lastOf = (versions: readonly DatasetVersion[]): DatasetVersion | undefined =>
  [...versions].sort((one, other) => (other.status?.sequence ?? 0) - (one.status?.sequence ?? 0))[0]
