import type { S3Client } from '@aws-sdk/client-s3'
import type { CallContext } from '../failures.ts'
import type { Summer } from '../hashing/sums.ts'
import type { RetryPolicy } from '../retry.ts'
import { withRetry } from '../retry.ts'
import { translate } from './errors.ts'
import type { commands } from './sdk.ts'

/** The ordinary client, and the commands that it is given. */
export interface Sdk {
  client: S3Client
  commands: typeof commands
}

/** What every call on a bucket needs. */
export interface S3Deps {
  /** Loads the SDK, the first time, and opens its client. */
  sdk(): Promise<Sdk>
  /** Milliseconds by which the store's clock is ahead of this machine's, as far as the ordinary client found out. */
  clockOffset(): number
  bucket: string
  /** `s3://bucket` */
  name: string
  retry: RetryPolicy
  summer: Summer
}

/** Runs one call of the SDK with retries; what it throws is a StoreError, or the reason of the signal. */
export const callStore = <T>(
  deps: S3Deps,
  context: Omit<CallContext, 'store'>,
  signal: AbortSignal | undefined,
  work: () => Promise<T>,
): Promise<T> =>
  withRetry(deps.retry, signal, async () => {
    try {
      return await work()
    } catch (error) {
      throw translate(error, { store: deps.name, ...context }, signal)
    }
  })

/** The SDK's options of a call that can be stopped. */
export const abortable = (signal: AbortSignal | undefined): { abortSignal?: AbortSignal } =>
  signal ? { abortSignal: signal } : {}
