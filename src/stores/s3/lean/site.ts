import { type S3Address, usualRegion } from '../address.ts'
import type { Sdk } from '../deps.ts'

/** Where the requests for a bucket's objects go, and how they are signed. */
export interface Site {
  tls: boolean
  host: string
  port: number
  /** The header `host`. */
  authority: string
  /** What stands before the key in a path: ends in a slash. */
  path: string
  region: string
  service: string
}

/** Names that are part of no URL but as a word of their path, and mean nothing else to the SDK. */
const plainName = /^(?!.*--x-s3$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/

/** Where an endpoint of the user's own is addressed by path there is nothing that the SDK would find out. Undefined: there is. */
export const plainSite = ({ bucket, endpoint, region, forcePathStyle }: S3Address): Site | undefined => {
  if (endpoint === undefined || forcePathStyle === false || !plainName.test(bucket) || !URL.canParse(endpoint))
    return undefined
  const { protocol, hostname, port, host, pathname, username, search } = new URL(endpoint)
  const tls = protocol === 'https:'
  if (!(tls || protocol === 'http:') || username !== '' || search !== '') return undefined
  return {
    tls,
    host: hostname.replace(/^\[(.*)\]$/, '$1'),
    port: port === '' ? (tls ? 443 : 80) : Number(port),
    authority: host,
    path: `${pathname.replace(/\/$/, '')}/${bucket}/`,
    region: region ?? usualRegion,
    service: 's3',
  }
}

interface Resolved {
  request: { protocol: string; hostname: string; port?: number; path: string; headers: Record<string, string> }
  endpoint?: { headers?: object; properties?: { authSchemes?: Record<string, string>[] } }
}

const stand = 'granary-key'

/**
 * What the SDK makes of bucket, region, endpoint and its own settings (path or host style, partitions, environment), found by a request that never
 * leaves. Undefined: it wants something that the lean path can't do, so that everything is left to the SDK.
 */
export const siteOf = async ({ client, commands }: Sdk, bucket: string): Promise<Site | undefined> => {
  const command = new commands.GetObject({ Bucket: bucket, Key: stand })
  command.middlewareStack.add(
    (_next, context) => async (args) => {
      const output = { request: args.request, endpoint: context.endpointV2 } as unknown as never
      return { response: undefined, output }
    },
    { step: 'build', priority: 'low', name: 'granarySite' },
  )
  const { request, endpoint } = (await client.send(command)) as unknown as Resolved
  const scheme = endpoint?.properties?.authSchemes?.[0]
  const odd = scheme?.name !== 'sigv4' || Object.keys(endpoint?.headers ?? {}).length > 0
  const tls = request.protocol === 'https:'
  if (odd || !request.path.endsWith(`/${stand}`) || !(tls || request.protocol === 'http:')) return undefined
  return {
    tls,
    host: request.hostname.replace(/^\[(.*)\]$/, '$1'),
    port: request.port ?? (tls ? 443 : 80),
    authority: request.headers.host ?? request.hostname,
    path: request.path.slice(0, -stand.length),
    region: scheme.signingRegion ?? '',
    service: scheme.signingName ?? 's3',
  }
}
