import type { KubeObject } from '../api/meta.ts'
import type { MoveLocation } from '../api/move.ts'

export interface Credentials {
  secretName?: string | undefined
  serviceAccountName?: string | undefined
  anonymous?: boolean | undefined
}

interface Bucket {
  bucket: string
  region?: string | undefined
  endpoint?: string | undefined
  forcePathStyle?: boolean | undefined
}

interface ClaimDirectory {
  name: string
  path?: string | undefined
  live?: boolean | undefined
}

/** A location as users write it (api.md), as far as it can be a store too. What can be a source only is in source.ts. */
export interface ApiLocation {
  provider?: string | undefined
  s3?: Bucket | undefined
  gcs?: { bucket: string; endpoint?: string | undefined } | undefined
  claim?: ClaimDirectory | undefined
  prefix?: string | undefined
  credentials?: Credentials | undefined
  caConfigMapName?: string | undefined
}

/** A StorageProvider as far as a location needs it. */
export interface ProviderObject extends KubeObject {
  spec: ApiLocation & { default?: boolean | undefined }
}

/** What a mover's pod mounts to reach a location. */
export type Mount =
  /** `readOnly`: a source; a store is written to. */
  | { claimName: string; readOnly: boolean }
  | { configMapName: string }
  /** What the annotation for MoveLocation's `document` says. */
  | { document: string }

/** A bucket or a volume and a prefix in it, nothing left to look up. Secret, ConfigMap and claim are in the namespace of the Dataset. */
export interface ResolvedLocation {
  s3?: Bucket
  gcs?: { bucket: string; endpoint?: string | undefined }
  directory?: NonNullable<MoveLocation['directory']>
  configMap?: { name: string }
  document?: 'inline' | 'http'
  prefix: string
  mount?: Mount
  credentials?: Credentials
  caConfigMapName?: string
  /** The StorageProvider that it came from. */
  provider?: string
}

export type Resolution =
  | { location: ResolvedLocation }
  | { reason: 'ProviderNotFound' | 'Unsupported' | 'HostPathNotAllowed' | 'InvalidSpec'; message: string }

/** A location as a mover gets it, and what its pod must mount or run as to reach it. */
export interface MoverAccess {
  location: MoveLocation
  credentials?: Credentials
  caConfigMapName?: string
  mount?: Mount
}

/** A path inside a volume as a prefix: without empty segments and dots. */
export const directoryPrefix = (path: string | undefined): string =>
  (path ?? '')
    .split('/')
    .filter((segment) => segment !== '' && segment !== '.')
    .map((segment) => `${segment}/`)
    .join('')

const inClaim = ({ name, path, live }: ClaimDirectory, prefix: string, provider?: string): ResolvedLocation => ({
  directory: { kind: 'claim', label: `claim ${name}`, ...(live ? { live } : {}) },
  prefix: `${directoryPrefix(path)}${prefix}`,
  mount: { claimName: name, readOnly: true },
  ...(provider === undefined ? {} : { provider }),
})

const resolved = (own: ApiLocation, prefix: string, provider?: string): Resolution => {
  if (own.claim !== undefined) return { location: inClaim(own.claim, prefix, provider) }
  if (own.s3 === undefined && own.gcs === undefined)
    return { reason: 'Unsupported', message: 'Only s3, gcs and claim, or a provider of one, can be used here.' }
  return {
    location: {
      ...(own.s3 === undefined ? {} : { s3: own.s3 }),
      ...(own.gcs === undefined ? {} : { gcs: own.gcs }),
      prefix,
      ...(own.credentials === undefined ? {} : { credentials: own.credentials }),
      ...(own.caConfigMapName === undefined ? {} : { caConfigMapName: own.caConfigMapName }),
      ...(provider === undefined ? {} : { provider }),
    },
  }
}

/** Follows `provider` to the StorageProvider of that name among those of the namespace; its prefix comes before the location's. */
export const resolveLocation = (location: ApiLocation, providers: readonly ProviderObject[]): Resolution => {
  const prefix = location.prefix ?? ''
  if (location.provider === undefined) return resolved(location, prefix)
  const provider = providers.find((candidate) => candidate.metadata.name === location.provider)
  return provider === undefined
    ? {
        reason: 'ProviderNotFound',
        message: `There is no StorageProvider "${location.provider}" in this namespace: create it, or name another one.`,
      }
    : resolved(provider.spec, (provider.spec.prefix ?? '') + prefix, provider.metadata.name)
}

/** A volume that is a store is written to. */
export const asStore = (at: ResolvedLocation): ResolvedLocation =>
  at.mount !== undefined && 'claimName' in at.mount ? { ...at, mount: { ...at.mount, readOnly: false } } : at

/** `prefix` + `namespace/name/`: where a Dataset's versions lie in its store. */
export const storedAt = (store: ResolvedLocation, namespace: string, name: string): ResolvedLocation => ({
  ...asStore(store),
  prefix: `${store.prefix}${namespace}/${name}/`,
})

/** What kind of store it is. */
export const storeKind = ({ gcs, directory }: ResolvedLocation): 's3' | 'gcs' | 'claim' => {
  if (directory !== undefined) return 'claim'
  return gcs === undefined ? 's3' : 'gcs'
}

/** The bucket or the claim: what tells one store from another. */
export const bucketOf = ({ s3, gcs, mount }: ResolvedLocation): string =>
  s3?.bucket ?? gcs?.bucket ?? (mount !== undefined && 'claimName' in mount ? mount.claimName : '')

const access = (credentials: Credentials | undefined): MoveLocation['credentials'] => {
  if (credentials?.secretName !== undefined) return 'Files'
  return credentials?.anonymous === true ? 'Anonymous' : 'Ambient'
}

/** What a mover is told about a location. `name` names its directories of credentials, and must differ within one move. */
export const moverAccess = (name: string, at: ResolvedLocation): MoverAccess => ({
  location: {
    name,
    ...(at.s3 === undefined ? {} : { s3: at.s3 }),
    ...(at.gcs === undefined ? {} : { gcs: at.gcs }),
    ...(at.directory === undefined ? {} : { directory: at.directory }),
    ...(at.configMap === undefined ? {} : { configMap: at.configMap }),
    ...(at.document === undefined ? {} : { document: at.document }),
    prefix: at.prefix,
    credentials: access(at.credentials),
    ...(at.caConfigMapName === undefined ? {} : { customCA: true }),
  },
  ...(at.credentials === undefined ? {} : { credentials: at.credentials }),
  ...(at.caConfigMapName === undefined ? {} : { caConfigMapName: at.caConfigMapName }),
  ...(at.mount === undefined ? {} : { mount: at.mount }),
})

/** The service account that a move runs as; one move can be only one. */
export const identity = (
  accesses: readonly MoverAccess[],
): { serviceAccountName?: string } | { reason: 'ConflictingIdentity'; message: string } => {
  const names = [...new Set(accesses.flatMap((one) => one.credentials?.serviceAccountName ?? []))]
  if (names.length > 1)
    return {
      reason: 'ConflictingIdentity',
      message: `One move can use one service account, but its locations name ${names.join(' and ')}: give one of them a Secret, or let both use the same.`,
    }
  return names[0] === undefined ? {} : { serviceAccountName: names[0] }
}
