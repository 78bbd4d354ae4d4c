import { findCondition } from '../../../api/conditions.ts'
import type { DatasetVersion } from '../../../api/dataset-version.ts'
import * as kinds from '../../../api/kinds.ts'
import { versionName } from '../../../api/names.ts'
import type { World } from '../world.ts'
import type { Draft, Step } from './draft.ts'
import { isOurs, numberedVersion, release, reserve } from './numbers.ts'

const endPhases = ['Committed', 'Failed', 'Abandoned', 'Expired', 'Deleting']

/** The import of the last look. */
const importOf = (world: World, draft: Draft): DatasetVersion | undefined =>
  world.versions.find(
    (version) =>
      isOurs(world, version) &&
      version.spec.from?.source !== undefined &&
      version.status?.sequence !== undefined &&
      version.status.sequence === draft.status.lastSync?.sequence,
  )

/** Whether an import is open; there is at most one. */
export const importUnderWay = (world: World, draft: Draft): boolean => {
  if (draft.status.opening?.some((entry) => entry.for === 'import')) return true
  const version = importOf(world, draft)
  return version !== undefined && !endPhases.includes(version.status?.phase ?? 'Pending')
}

/** Deletes the object of an import that found nothing new. */
const dropUnchanged = (draft: Draft, version: DatasetVersion): void => {
  const { name, namespace = '', uid = '' } = version.metadata
  if (version.metadata.deletionTimestamp) return
  draft.plan.live = true
  draft.plan.delete.push({ kind: kinds.DatasetVersion, namespace, name, uid })
}

const isUnchanged = (version: DatasetVersion): boolean =>
  version.status?.phase === 'Abandoned' &&
  (version.status.conditions?.some((condition) => condition.reason === 'Unchanged') ?? false)

/** What came of this import is written down, so its object may go. */
const isSettled = (world: World, version: DatasetVersion): boolean => {
  const written = world.dataset.status?.lastSync
  return written?.sequence !== version.status?.sequence || written?.result === 'Unchanged'
}

/** Keeps what came of the last import: in `lastSync.result`, and the fingerprint that the next look compares with. */
const settle = (world: World, draft: Draft): void => {
  const { lastSync } = draft.status
  const version = importOf(world, draft)
  if (!lastSync || !version) return
  const { phase, import: imported } = version.status ?? {}
  if (phase === 'Committed' || isUnchanged(version)) {
    draft.status.importedFingerprint = imported?.fingerprint ?? lastSync.fingerprint
    draft.status.failedFingerprint = undefined
    lastSync.result = phase === 'Committed' ? 'Imported' : 'Unchanged'
    if (imported) draft.status.import = { mode: imported.mode, reason: imported.reason }
  }
  if (phase === 'Failed') {
    draft.status.failedFingerprint = lastSync.fingerprint
    lastSync.result = findCondition(version.status?.conditions, 'Ready')?.reason ?? 'Failed'
  }
}

/** Opens an import when the last look found something new, one at a time, and clears up after the last one. */
export const importChanges: Step = (world, draft) => {
  settle(world, draft)
  for (const version of world.versions)
    if (isOurs(world, version) && isUnchanged(version) && isSettled(world, version)) dropUnchanged(draft, version)
  const { lastSync } = draft.status
  const wanted = lastSync?.finishedAt !== undefined && lastSync.changed === true && world.spec.source !== undefined
  const reserved = draft.status.opening?.some((entry) => entry.for === 'import') ?? false
  if (!wanted) {
    const name = (sequence: number) => versionName(world.dataset.metadata.name, sequence)
    const made = draft.status.opening?.some(
      (entry) => entry.for === 'import' && world.versions.some((v) => v.metadata.name === name(entry.sequence)),
    )
    if (reserved && !made) release(draft, 'import')
    return undefined
  }
  if (draft.held || (lastSync.sequence !== undefined && !reserved) || (!reserved && importUnderWay(world, draft)))
    return undefined
  const reservation = reserve(world, draft, 'import')
  lastSync.sequence = draft.status.opening?.find((entry) => entry.for === 'import')?.sequence
  if (!reservation) return undefined
  const version = numberedVersion(world, reservation.sequence, { from: { source: {} } })
  if (world.versions.some((there) => there.metadata.name === version.metadata.name)) return undefined
  const message = `The source changed: imports it as ${version.metadata.name}.`
  draft.make.versions.push({
    object: version,
    event: { regarding: world.dataset, type: 'Normal', reason: 'Importing', message },
  })
  return undefined
}
