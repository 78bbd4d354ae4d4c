export interface S3Address {
  bucket: string
  region?: string | undefined
  endpoint?: string | undefined
  forcePathStyle?: boolean | undefined
}

/** Of stores that don't care for regions, and where nobody named one. */
export const usualRegion = 'us-east-1'
