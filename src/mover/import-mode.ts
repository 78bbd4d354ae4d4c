import { type ObjectStore, StoreError } from '../stores/object-store.ts'
import { MoveFailure } from './failure.ts'

export interface ChosenMode {
  mode: 'Reference' | 'Copy'
  /** A sentence for the status. */
  reason: string
  /** Objects are listed and read by version id. */
  byVersion: boolean
}

/** Whether these credentials may list and read versions, which are rights of their own; found on the first object. */
const mayReadVersions = async (source: ObjectStore, prefix: string, signal: AbortSignal): Promise<boolean> => {
  try {
    for await (const { key, version, size } of source.list(prefix, { versions: true, signal })) {
      const range = size > 0 ? { range: { offset: 0, length: 1 } } : {}
      const { body } = await source.get(key, { ...(version === undefined ? {} : { version }), ...range, signal })
      body.destroy()
      break
    }
    return true
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'denied') return false
    // Gone meanwhile: no word about rights. What is wrong otherwise shows when the import lists.
    if (error instanceof StoreError && error.failure === 'not-found') return true
    throw error
  }
}

/** Auto: refer to objects where the bucket keeps every state of them, else copy their bytes. */
export const chooseMode = async (
  asked: 'Auto' | 'Reference' | 'Copy',
  source: ObjectStore,
  prefix: string,
  signal: AbortSignal,
): Promise<ChosenMode> => {
  if (asked === 'Copy') return { mode: 'Copy', reason: 'spec.import is Copy', byVersion: false }
  const keeps = await source.keepsVersions(signal)
  if (asked === 'Reference') {
    const reason = keeps
      ? 'spec.import is Reference; objects are read by version id'
      : 'spec.import is Reference; the bucket keeps no old versions, so a changed object makes older versions of the Dataset unreadable'
    return { mode: 'Reference', reason, byVersion: keeps === true }
  }
  if (keeps && !(await mayReadVersions(source, prefix, signal))) {
    const reason =
      'the source bucket keeps old object versions, but these credentials may not read them (s3:ListBucketVersions and s3:GetObjectVersion allow it)'
    return { mode: 'Copy', reason, byVersion: false }
  }
  if (keeps) return { mode: 'Reference', reason: 'the source bucket keeps old object versions', byVersion: true }
  const reason =
    keeps === false
      ? 'the source bucket keeps no old object versions'
      : 'these credentials may not ask whether the source bucket keeps object versions (s3:GetBucketVersioning or storage.buckets.get allows it)'
  return { mode: 'Copy', reason, byVersion: false }
}

/** What is no bucket can only be copied. */
export const copyOnly = (asked: 'Auto' | 'Reference' | 'Copy', what: string): ChosenMode => {
  if (asked === 'Reference')
    throw new MoveFailure(
      'InvalidSpec',
      `${what} is no bucket, so no version can refer to it: set spec.import to Copy or Auto`,
    )
  return { mode: 'Copy', reason: `${what} is no bucket that keeps old object versions`, byVersion: false }
}
