import type { DatasetSpec } from '../../../api/dataset.ts'
import type { World } from '../world.ts'
import { type Step, say, unsay } from './draft.ts'

const unsupportedSources = ['claim', 'nfs', 'hostPath', 'http', 'inline', 'configMap'] as const

/** Fields without which the Dataset would be another thing: nothing is done until they are gone. */
const blocking = (spec: DatasetSpec): string | undefined => {
  const source = unsupportedSources.find((kind) => spec.source?.[kind] !== undefined)
  if (source) return `spec.source.${source}: use s3 or gcs, or provider with a StorageProvider of such a bucket`
  if (spec.import === 'Mount') return 'spec.import: use Auto, Reference or Copy instead of Mount'
  if (spec.store?.claim) return 'spec.store: use s3, gcs or provider'
  return undefined
}

/** Fields that are not followed yet, while the rest is. */
const ignored = ({ sync, outputs, volume, retention, deletionPolicy }: DatasetSpec): string[] => [
  ...(sync?.schedule === undefined ? [] : ['spec.sync.schedule (use spec.sync.interval)']),
  ...(sync?.maxAge === undefined ? [] : ['spec.sync.maxAge']),
  ...(outputs?.checkpoint === undefined ? [] : ['spec.outputs.checkpoint']),
  ...(volume?.volumeSnapshotClassName === undefined ? [] : ['spec.volume.volumeSnapshotClassName']),
  ...(retention === undefined ? [] : ['spec.retention (every version is kept)']),
  ...(deletionPolicy === 'Delete' ? ['spec.deletionPolicy: Delete (the stored bytes stay)'] : []),
]

/** Says which fields this version of Granary does not follow, and stops at those that it can't leave aside. */
export const checkLimits: Step = (world: World, draft) => {
  if (world.problem !== undefined) {
    draft.stalled = { reason: 'InvalidSpec', message: world.problem }
    return 'stop'
  }
  const block = blocking(world.spec)
  if (block !== undefined) {
    draft.stalled = { reason: 'Unsupported', message: `Not supported yet: ${block}.` }
    return 'stop'
  }
  const fields = ignored(world.spec)
  if (fields.length === 0) unsay(draft, 'Unsupported')
  else {
    const message = `Not followed yet: ${fields.join(', ')}.`
    say(world, draft, { type: 'Unsupported', status: 'True', reason: 'Unsupported', message })
  }
  return undefined
}
