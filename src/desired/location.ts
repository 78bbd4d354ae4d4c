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

/** A location as users write it (api.md), as far as it can be a bucket. */
export interface ApiLocation {
  provider?: string | undefined
  s3?: Bucket | undefined
  gcs?: { bucket: string; endpoint?: string | undefined } | undefined
  prefix?: string | undefined
  credentials?: Credentials | undefined
  caConfigMapName?: string | undefined
}

/** A StorageProvider as far as a location needs it. */
export interface ProviderObject extends KubeObject {
  spec: ApiLocation & { default?: boolean | undefined }
}

/** A bucket and a prefix in it, nothing left to look up. Secret and ConfigMap are in the namespace of the Dataset. */
export interface ResolvedLocation {
  s3?: Bucket
  gcs?: { bucket: string; endpoint?: string | undefined }
  prefix: string
  credentials?: Credentials
  caConfigMapName?: string
  /** The StorageProvider that it came from. */
  provider?: string
}

export type Resolution =
  | { location: ResolvedLocation }
  | { reason: 'ProviderNotFound' | 'Unsupported'; message: string }

/** A location as a mover gets it, and what its pod must mount or run as to reach it. */
export interface MoverAccess {
  location: MoveLocation
  credentials?: Credentials
  caConfigMapName?: string
}

const resolved = (own: ApiLocation, prefix: string, provider?: string): Resolution => {
  if (own.s3 === undefined && own.gcs === undefined)
    return { reason: 'Unsupported', message: 'Only s3 and gcs locations, or a provider of one, can be used here yet.' }
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

/** `prefix` + `namespace/name/`: where a Dataset's versions lie in its store. */
export const storedAt = (store: ResolvedLocation, namespace: string, name: string): ResolvedLocation => ({
  ...store,
  prefix: `${store.prefix}${namespace}/${name}/`,
})

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
    prefix: at.prefix,
    credentials: access(at.credentials),
    ...(at.caConfigMapName === undefined ? {} : { customCA: true }),
  },
  ...(at.credentials === undefined ? {} : { credentials: at.credentials }),
  ...(at.caConfigMapName === undefined ? {} : { caConfigMapName: at.caConfigMapName }),
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
