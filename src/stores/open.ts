import { join } from 'node:path'
import { type MountedAddress, openMounted } from './mounted.ts'
import { type ObjectStore, StoreError } from './object-store.ts'
import type { RetryPolicy } from './retry.ts'
import type { AccessKeys, CredentialSource } from './s3/credentials.ts'

/** Where a store is and who asks: structurally a MoveLocation. No secret in it. Its name is that of its directories of credentials and authorities, and of its mount. */
export interface StoreAddress extends MountedAddress {
  s3?:
    | {
        bucket: string
        region?: string | undefined
        endpoint?: string | undefined
        forcePathStyle?: boolean | undefined
      }
    | undefined
  gcs?: { bucket: string; endpoint?: string | undefined } | undefined
  credentials: 'Files' | 'Ambient' | 'Anonymous'
  customCA?: boolean | undefined
}

export interface OpenDeps {
  /** Holds `<name>/AWS_ACCESS_KEY_ID` and so on. */
  credentialsDir: string
  /** Holds `<name>/ca.crt`. */
  caDir: string
  /** A PEM file with authorities to trust whatever the address says. */
  caFile?: string | undefined
  /** Keys of S3 that are the ambient identity; found by the provider's means if absent. */
  accessKeys?: AccessKeys | undefined
  /** Where a location's volume, ConfigMap or document is mounted. */
  mountOf?: ((name: string) => string) | undefined
  retry?: RetryPolicy | undefined
  stall?: number | undefined
}

/** Opens the store of an address. Fails with `no-credentials` when its files are missing, with `invalid` for a kind that it doesn't know. */
export const openStore = async (deps: OpenDeps, address: StoreAddress): Promise<ObjectStore> => {
  const mounted = deps.mountOf && openMounted(deps, address, deps.mountOf(address.name))
  if (mounted !== undefined) return mounted
  const directory = join(deps.credentialsDir, address.name)
  const caFile = address.customCA ? join(deps.caDir, address.name, 'ca.crt') : deps.caFile
  const options = {
    credentials:
      address.credentials === 'Files' ? { from: 'Files' as const, directory } : { from: address.credentials },
    ...(caFile === undefined ? {} : { caFile }),
    ...(deps.retry ? { retry: deps.retry } : {}),
    ...(deps.stall !== undefined ? { stall: deps.stall } : {}),
  }
  if (address.s3) {
    const { accessKeys } = deps
    const given: CredentialSource | undefined =
      accessKeys && address.credentials === 'Ambient' ? { from: 'Given', keys: accessKeys } : undefined
    const s3Options = given ? { ...options, credentials: given } : options
    return (await import('./s3/store.ts')).openS3Store(address.s3, s3Options)
  }
  if (address.gcs) return (await import('./gcs/store.ts')).openGcsStore(address.gcs, options)
  throw new StoreError('invalid', 'a location without a bucket: is the mover as new as the operator?')
}
