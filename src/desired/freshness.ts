import type { Dataset } from '../api/dataset.ts'
import { parseDuration } from '../api/duration.ts'
import type { KubeObject } from '../api/meta.ts'
import { annotations } from '../api/names.ts'

type Looked = Pick<Dataset, 'spec' | 'status'>

/** Since when a look must have begun to be good enough for the claim, ms since 1970; undefined: any will do. */
const since = ({ spec }: Looked, claim: KubeObject): number | undefined => {
  const { source, sync } = spec ?? {}
  const maxAge = sync?.maxAge === undefined ? undefined : parseDuration(sync.maxAge)
  const asked = claim.metadata.annotations?.[annotations.version] ?? 'latest'
  if (maxAge === undefined || source === undefined || sync?.suspend === true || !/^latest(@|$)/.test(asked))
    return undefined
  return Date.parse(claim.metadata.creationTimestamp ?? '') - maxAge
}

/** Whether the claim wants latest, and the last look at the source is too old for it. */
export const needsLook = (dataset: Looked, claim: KubeObject): boolean => {
  const from = since(dataset, claim)
  const { startedAt, finishedAt } = dataset.status?.lastSync ?? {}
  if (from === undefined || Number.isNaN(from)) return false
  return finishedAt === undefined || !(Date.parse(startedAt ?? '') >= from)
}

/** Why the claim waits for `latest` though there may be one; undefined: it does not. */
export const awaitsLook = (dataset: Looked, claim: KubeObject): string | undefined => {
  if (since(dataset, claim) === undefined) return undefined
  const { failures = 0, result } = dataset.status?.lastSync ?? {}
  if (needsLook(dataset, claim)) return 'waits for a look at the source, as spec.sync.maxAge asks'
  if (failures > 0) return `the source could not be looked at (${result})`
  if (result === 'Unchanged' || result === 'Imported') return undefined
  return result === 'Changed'
    ? 'the source has changed and is being imported'
    : `the source could not be imported (${result})`
}
