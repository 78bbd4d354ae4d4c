import { findCondition } from '../../../api/conditions.ts'
import type { DatasetVersion } from '../../../api/dataset-version.ts'
import { parseVersionTag, versionTag } from '../../../api/names.ts'
import { formatBytes } from '../../../api/quantity.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, type Step } from './draft.ts'

export interface Committed {
  sequence: number
  name: string
  digest: string
  files: number
  bytes: number
  committedAt: string
  tags: string[]
  /** A verification found its bytes damaged: nothing moves to it. */
  damaged: boolean
}

const asCommitted = (version: DatasetVersion): Committed[] => {
  const { phase, sequence, digest, files = 0, bytes = 0, committedAt, openedAt } = version.status ?? {}
  if (phase !== 'Committed' || sequence === undefined || digest === undefined) return []
  const at = committedAt ?? openedAt ?? version.metadata.creationTimestamp ?? ''
  const tags = version.spec.tags ?? []
  const damaged = findCondition(version.status?.conditions, 'Degraded')?.reason === 'Corrupt'
  return [{ sequence, name: version.metadata.name, digest, files, bytes, committedAt: at, tags, damaged }]
}

/** Committed versions, the highest number first. */
export const committedOf = (world: World): Committed[] =>
  world.versions.flatMap(asCommitted).sort((a, b) => b.sequence - a.sequence)

type Tags = NonNullable<NonNullable<World['dataset']['status']>['tags']>

/** Whether something may point at the version: at one that is damaged only what points there already. */
const mayPoint = (version: Committed, at: string | undefined): boolean =>
  !version.damaged || at === versionTag(version.sequence)

/** Where tags are to point: where the spec says, else at the version that asked for it and was committed last. `missing`: what no version can be. */
const targetsOf = (world: World, committed: Committed[], before: Tags) => {
  const at = (name: string) => before.find((tag) => tag.name === name)?.version
  const targets = new Map<string, Committed | { missing: string }>()
  for (const version of committed.toSorted(
    (a, b) => a.committedAt.localeCompare(b.committedAt) || a.sequence - b.sequence,
  ))
    for (const tag of version.tags) if (mayPoint(version, at(tag))) targets.set(tag, version)
  for (const [tag, number] of Object.entries(world.spec.tags ?? {})) {
    const target = committed.find((version) => version.sequence === parseVersionTag(number))
    if (target === undefined) targets.set(tag, { missing: `${tag}: ${number}` })
    else if (mayPoint(target, at(tag))) targets.set(tag, target)
    else targets.set(tag, { missing: `${tag}: ${number} (its bytes are damaged)` })
  }
  return targets
}

/** Where tags point. One whose version is missing or damaged stays where it was. */
const tagsOf = (world: World, committed: Committed[], before: Tags): { tags: Tags; missing: string[] } => {
  const missing: string[] = []
  const tags = [...targetsOf(world, committed, before)].flatMap(([name, target]) => {
    const old = before.find((tag) => tag.name === name)
    if ('missing' in target) {
      missing.push(target.missing)
      return old ? [old] : []
    }
    const version = versionTag(target.sequence)
    return [old?.version === version ? old : { name, version, digest: target.digest, movedAt: isoTime(world.now) }]
  })
  return { tags: tags.sort((a, b) => (a.name < b.name ? -1 : 1)), missing }
}

const historyOf = (world: World, before: Tags, after: Tags) => {
  const names = new Set([...before, ...after].map((tag) => tag.name))
  return [...names].sort().flatMap((name) => {
    const from = before.find((tag) => tag.name === name)?.version
    const to = after.find((tag) => tag.name === name)?.version
    if (from === to) return []
    return [{ name, ...(from ? { from } : {}), ...(to ? { to } : {}), at: isoTime(world.now) }]
  })
}

const describeMissing = (missing: string[]): string =>
  `spec.tags: no committed version for ${missing.slice(0, 5).join(', ')}: mend the number, or wait for the version.`

/** `latest`, the count, and where tags point. */
export const tellHistory: Step = (world: World, draft: Draft) => {
  const committed = committedOf(world)
  const highest = committed.find((version) => mayPoint(version, draft.status.latest?.version))
  draft.status.versions = committed.length
  draft.status.latest = highest && {
    version: versionTag(highest.sequence),
    name: highest.name,
    digest: highest.digest,
    files: highest.files,
    bytes: highest.bytes,
    size: formatBytes(highest.bytes),
    committedAt: highest.committedAt,
  }
  const before = draft.status.tags ?? []
  const { tags, missing } = tagsOf(world, committed, before)
  draft.status.tags = tags
  draft.status.tagHistory = [...historyOf(world, before, tags), ...(draft.status.tagHistory ?? [])].slice(0, 20)
  if (missing.length > 0) draft.tagTargetMissing = describeMissing(missing)
  return undefined
}
