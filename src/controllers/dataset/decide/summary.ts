import { findCondition } from '../../../api/conditions.ts'
import type { SourceLocation } from '../../../api/location.ts'
import type { World } from '../world.ts'
import { podsInUse, wantsDestruction } from './destroy.ts'
import { type Draft, say, tell, unsay, type Why } from './draft.ts'
import { importUnderWay } from './imports.ts'
import { reasonOf } from './mover.ts'
import { isOpenOutput } from './wanted.ts'

const describeOther = ({
  claim,
  nfs,
  hostPath,
  http,
  inline,
  configMap,
  dataset,
}: SourceLocation): string | undefined => {
  if (claim) return `claim ${claim.name}${claim.path === undefined ? '' : `/${claim.path}`}`
  if (nfs) return `nfs://${nfs.server}${nfs.path}`
  if (hostPath) return `hostPath ${hostPath.path}`
  if (http) return `http: ${http.files.length} files`
  if (inline) return `inline: ${Object.keys(inline.files).length} files`
  if (configMap) return `ConfigMap ${configMap.name}`
  return dataset && `${dataset.namespace}/${dataset.name}`
}

/** A location in one line, for people. */
const describeSource = (source: SourceLocation | undefined): string | undefined => {
  const { provider, s3, gcs, dataset, prefix = '' } = source ?? {}
  if (dataset) return `${dataset.namespace}/${dataset.name}`
  if (provider) return `${provider}:${prefix}`
  if (s3) return `s3://${s3.bucket}/${prefix}`
  if (gcs) return `gs://${gcs.bucket}/${prefix}`
  return source && describeOther(source)
}

/** What the first version waits for, if the Dataset has a source. */
const firstVersion = (world: World, draft: Draft): Why => {
  const reachable = findCondition(draft.status.conditions, 'SourceReachable')
  if (reachable && reachable.status !== 'True')
    return { reason: reasonOf(reachable.reason), message: reachable.message }
  const version = world.versions.find((one) => one.status?.sequence === draft.status.lastSync?.sequence)
  const ready = findCondition(version?.status?.conditions, 'Ready')
  if (version && ready && ready.status !== 'True')
    return { reason: reasonOf(ready.reason), message: `${version.metadata.name}: ${ready.message}` }
  if (importUnderWay(world, draft))
    return { reason: 'Importing', message: 'The source is being read into the first version.' }
  return { reason: 'Scanning', message: 'The source is being listed.' }
}

/** Why the Dataset is not ready; undefined: it is. */
const notReady = (world: World, draft: Draft): Why | undefined => {
  if (draft.stalled) return draft.stalled
  if (draft.held) return draft.held
  if (draft.tagTargetMissing) return { reason: 'TagTargetMissing', message: draft.tagTargetMissing }
  if (draft.mounted) return undefined
  if (world.spec.source && !world.alias && !draft.status.latest) return firstVersion(world, draft)
  return undefined
}

const leaving = (world: World): Why => {
  const pods = wantsDestruction(world) ? podsInUse(world) : []
  if (world.versions.some(isOpenOutput)) return finishing(world)
  if (pods.length > 0)
    return {
      reason: 'DeletionBlocked',
      message: `Is to go with its bytes, which these pods use: ${pods.slice(0, 5).join(', ')}.`,
    }
  return { reason: 'Deleting', message: 'Its bytes are being removed from the store, as spec.deletionPolicy says.' }
}

const finishing = (world: World): Why => ({
  reason: 'InUse',
  message: `Is being deleted, and waits until what is written to it is committed: ${world.versions
    .filter(isOpenOutput)
    .map((version) => version.metadata.name)
    .join(', ')}.`,
})

const ready = ({ status: { latest }, mounted }: Draft): Why => {
  if (mounted) return { reason: 'Mounted', message: mounted }
  const message = latest ? `The latest version is ${latest.version}.` : 'Is ready for outputs; it has no version yet.'
  return { reason: 'Ready', message }
}

/** Ready, and Reconciling or Stalled while it is not. */
export const summarize = (world: World, draft: Draft): void => {
  const why = world.dataset.metadata.deletionTimestamp ? leaving(world) : notReady(world, draft)
  const before = findCondition(world.dataset.status?.conditions, 'Ready')
  draft.status.observedGeneration = world.dataset.metadata.generation
  draft.status.source = describeSource(world.spec.source)
  if (!why) {
    say(world, draft, { type: 'Ready', status: 'True', ...ready(draft) })
    unsay(draft, 'Reconciling')
    unsay(draft, 'Stalled')
    return
  }
  say(world, draft, { type: 'Ready', status: 'False', ...why })
  if (draft.stalled) {
    say(world, draft, { type: 'Stalled', status: 'True', ...why })
    unsay(draft, 'Reconciling')
    if (before?.reason !== why.reason) tell(world, draft, { type: 'Warning', ...why })
  } else {
    say(world, draft, { type: 'Reconciling', status: 'True', ...why })
    unsay(draft, 'Stalled')
  }
}
