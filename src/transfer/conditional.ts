import {
  type ObjectInfo,
  type ObjectStore,
  type PutOptions,
  StoreError,
  type StoreFailure,
} from '../stores/object-store.ts'

/** What has to be true of a key when something is written under it. */
export type Condition = Pick<PutOptions, 'ifAbsent' | 'ifMatch'>

export const failedAs = (error: unknown, ...failures: StoreFailure[]): boolean =>
  error instanceof StoreError && failures.includes(error.failure)

/**
 * A write under a condition. A store that knows no conditions, and says so, gets it without, after a look: right as long as one writes at a
 * time. Fails with `exists` or `changed` where the condition does not hold.
 */
export const conditionally = async <T>(
  store: Pick<ObjectStore, 'name' | 'head'>,
  key: string,
  condition: Condition,
  write: (condition: Condition) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> => {
  try {
    return await write(condition)
  } catch (error) {
    const asked = condition.ifAbsent === true || condition.ifMatch !== undefined
    if (!asked || !failedAs(error, 'invalid')) throw error
  }
  const there = await store.head(key, signal && { signal })
  if (condition.ifAbsent && there !== undefined)
    throw new StoreError('exists', `${store.name}/${key} is there already`, key)
  if (condition.ifMatch !== undefined && there?.etag !== condition.ifMatch)
    throw new StoreError('changed', `${store.name}/${key} is another object now than it was`, key)
  return write({})
}

/** A small object under a condition, as above. */
export const putIf = (
  store: ObjectStore,
  key: string,
  bytes: Uint8Array,
  condition: Condition,
  options: Pick<PutOptions, 'contentType' | 'signal'> = {},
): Promise<ObjectInfo> =>
  conditionally(store, key, condition, (held) => store.put(key, bytes, { ...options, ...held }), options.signal)
