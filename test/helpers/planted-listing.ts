export interface PlantedObject {
  key: string
  size: number
  /** Of the object that a get shall find; default: of none. */
  etag?: string
}

/** The answer to a ListObjectsV2 with these objects, which may be some that no server could hold; in the order of their keys. */
export const planted =
  (...objects: PlantedObject[]) =>
  (): string => {
    const encoded = (key: string) => encodeURIComponent(key).replaceAll('%2F', '/')
    const entries = objects.map(
      ({ key, size, etag = '0' }) =>
        `<Contents><Key>${encoded(key)}</Key><Size>${size}</Size><ETag>&quot;${etag}&quot;</ETag><LastModified>2026-01-01T00:00:00Z</LastModified></Contents>`,
    )
    return `<?xml version="1.0"?><ListBucketResult><IsTruncated>false</IsTruncated><EncodingType>url</EncodingType>${entries.join('')}</ListBucketResult>`
  }
