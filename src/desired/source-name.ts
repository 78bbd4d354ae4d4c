import type { ResolvedLocation } from './location.ts'

/** Scheme, host and port of a URL: neither users nor keys in its query. */
const bareOrigin = (url: string): string | undefined => {
  try {
    const { protocol, host } = new URL(url)
    return `${protocol}//${host}`
  } catch {
    return undefined
  }
}

/** What a source is called in the record of a version: where it is, and no secret. */
export const sourceName = (at: ResolvedLocation): { source: string; endpoint?: string } => {
  const bucket = at.s3 ?? at.gcs
  if (bucket !== undefined) {
    const endpoint = bucket.endpoint === undefined ? undefined : bareOrigin(bucket.endpoint)
    const source = `${at.s3 === undefined ? 'gs' : 's3'}://${bucket.bucket}/${at.prefix}`
    return { source, ...(endpoint === undefined ? {} : { endpoint }) }
  }
  if (at.configMap !== undefined) return { source: `configMap ${at.configMap.name}` }
  if (at.document !== undefined) return { source: at.document }
  const { kind = '', label = '' } = at.directory ?? {}
  // Of a claim the prefix is the directory in it; of the others the label has all of the path.
  return { source: kind === 'claim' ? `${label}/${at.prefix}` : label }
}
