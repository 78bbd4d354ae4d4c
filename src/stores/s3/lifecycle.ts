import type { LifecycleRule } from '@aws-sdk/client-s3'
import type { S3Deps } from './deps.ts'

/** How long a store may take to say what its rules are, ms: nothing depends on it. */
const patience = 10_000

const prefixOf = ({ Filter, Prefix }: LifecycleRule): string => Filter?.Prefix ?? Filter?.And?.Prefix ?? Prefix ?? ''

/** Whether a rule removes old versions of objects under the prefix. What it says of tags and sizes is left aside: some objects are enough. */
export const removesOldVersions = (rules: readonly LifecycleRule[], prefix: string): boolean =>
  rules.some((rule) => {
    if (rule.Status !== 'Enabled' || rule.NoncurrentVersionExpiration === undefined) return false
    const of = prefixOf(rule)
    return of.startsWith(prefix) || prefix.startsWith(of)
  })

/** Asks once. undefined: the store does not say. */
export const readLifecycle = async (
  deps: Pick<S3Deps, 'sdk' | 'bucket'>,
  prefix: string,
  signal: AbortSignal | undefined,
): Promise<boolean | undefined> => {
  const abortSignal = AbortSignal.any([AbortSignal.timeout(patience), ...(signal ? [signal] : [])])
  try {
    const { client, commands } = await deps.sdk()
    const command = new commands.GetBucketLifecycleConfiguration({ Bucket: deps.bucket })
    const { Rules = [] } = await client.send(command, { abortSignal })
    return removesOldVersions(Rules, prefix)
  } catch (error) {
    signal?.throwIfAborted()
    return (error as Error).name === 'NoSuchLifecycleConfiguration' ? false : undefined
  }
}
