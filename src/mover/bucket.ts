import type { MoveLocation } from '../api/move.ts'

/** A bucket as the `u` lines of a manifest name it: of S3 by its name alone, of Google Cloud Storage as `gs://name`, so that equal names don't meet. */
export const bucketOf = ({ s3, gcs }: MoveLocation): string | undefined =>
  s3?.bucket ?? (gcs === undefined ? undefined : `gs://${gcs.bucket}`)

/** Whether two locations are of one bucket. */
export const sameBucket = (a: MoveLocation, b: MoveLocation): boolean => {
  const endpointOf = ({ s3, gcs }: MoveLocation) => (s3 ?? gcs)?.endpoint
  return bucketOf(a) !== undefined && bucketOf(a) === bucketOf(b) && endpointOf(a) === endpointOf(b)
}
