import type { ObjectStore } from '../stores/object-store.ts'

export interface ChosenMode {
  mode: 'Reference' | 'Copy'
  /** A sentence for the status. */
  reason: string
  /** Objects are listed and read by version id. */
  byVersion: boolean
}

/** Auto: refer to objects where the bucket keeps every state of them, else copy their bytes. */
export const chooseMode = async (
  asked: 'Auto' | 'Reference' | 'Copy',
  source: ObjectStore,
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
  if (keeps) return { mode: 'Reference', reason: 'the source bucket keeps old object versions', byVersion: true }
  const reason =
    keeps === false
      ? 'the source bucket keeps no old object versions'
      : 'these credentials may not ask whether the source bucket keeps object versions (s3:GetBucketVersioning)'
  return { mode: 'Copy', reason, byVersion: false }
}
