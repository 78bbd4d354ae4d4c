import { StoreError } from '../../object-store.ts'
import type { AccessKeys } from '../credentials.ts'
import { encode, type Signer } from './sigv4.ts'
import type { Site } from './site.ts'

export interface LeanRequest {
  method: 'GET' | 'HEAD' | 'PUT'
  /** Empty: the request is about the bucket. */
  key: string
  /** For sentences; reading or writing objects if absent. */
  doing?: string
  /** Percent-encoded, its parameters in order. */
  query: string
  /** Lower-case names. */
  headers: Record<string, string>
  /** sha256 of the body. */
  payload: string
  body?: Uint8Array
  /** What a refused condition (412) means; without it, the ordinary client finds out. */
  onPrecondition?: 'exists' | 'changed' | undefined
}

const plain = /^[A-Za-z0-9\-._~/]*$/

const encodePath = (key: string): string => (plain.test(key) ? key : key.split('/').map(encode).join('/'))

/** A request's head, one character for each byte; signed unless there are no keys. `now`: milliseconds since 1970 by the store's clock. */
export const requestText = (
  { site, signer }: { site: Site; signer: Signer },
  request: LeanRequest,
  keys: AccessKeys | undefined,
  now: number,
): string => {
  const { method, query, payload } = request
  const path = site.path + encodePath(request.key)
  const time = signer.time(now)
  const headers: Record<string, string> = { ...request.headers, host: site.authority }
  if (keys !== undefined) {
    headers['x-amz-content-sha256'] = payload
    headers['x-amz-date'] = time
    if (keys.sessionToken) headers['x-amz-security-token'] = keys.sessionToken
  }
  let text = `${method} ${path}${query === '' ? '' : `?${query}`} HTTP/1.1\r\n`
  const sorted: [string, string][] = []
  for (const name of Object.keys(headers).sort()) {
    const value = headers[name]!
    // No header that we make has one; what a caller names might.
    if (/[\r\n]/.test(value)) throw new StoreError('invalid', `a value for ${name} with a line break`, request.key)
    sorted.push([name, value])
    text += `${name}: ${value}\r\n`
  }
  if (keys !== undefined)
    text += `authorization: ${signer.authorization({ method, path, query, headers: sorted, payload }, keys, time)}\r\n`
  if (request.body) text += `content-length: ${request.body.length}\r\n`
  return `${text}\r\n`
}
