import { join } from 'node:path'
import { type ObjectStore, StoreError } from './object-store.ts'
import type { RetryPolicy } from './retry.ts'
import { openS3Store } from './s3/store.ts'

/** Where a store is and who asks: structurally a MoveLocation. No secret in it. */
export interface StoreAddress {
  /** Names the directories of credentials and authorities. */
  name: string
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
  retry?: RetryPolicy | undefined
  stall?: number | undefined
}

/** Opens the store of an address. Fails with `no-credentials` when its files are missing, with `invalid` for a kind that it doesn't know. */
export const openStore = async (deps: OpenDeps, address: StoreAddress): Promise<ObjectStore> => {
  if (!address.s3) {
    throw new StoreError(
      'invalid',
      'this version reads and writes S3-compatible stores only: use spec.…s3 with the endpoint of the store',
    )
  }
  const directory = join(deps.credentialsDir, address.name)
  return openS3Store(address.s3, {
    credentials: address.credentials === 'Files' ? { from: 'Files', directory } : { from: address.credentials },
    ...(address.customCA ? { caFile: join(deps.caDir, address.name, 'ca.crt') } : {}),
    ...(deps.retry ? { retry: deps.retry } : {}),
    ...(deps.stall !== undefined ? { stall: deps.stall } : {}),
  })
}
