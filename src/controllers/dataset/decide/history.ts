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
}

const asCommitted = (version: DatasetVersion): Committed[] => {
  const { phase, sequence, digest, files = 0, bytes = 0, committedAt, openedAt } = version.status ?? {}
  if (phase !== 'Committed' || sequence === undefined || digest === undefined) return []
  const at = committedAt ?? openedAt ?? version.metadata.creationTimestamp ?? ''
  const tags = version.spec.tags ?? []
  return [{ sequence, name: version.metadata.name, digest, files, bytes, committedAt: at, tags }]
}

/** Committed versions, the highest number first. */
export const committedOf = (world: World): Committed[] =>
  world.versions.flatMap(asCommitted).sort((a, b) => b.sequence - a.sequence)

type Tags = NonNullable<NonNullable<World['dataset']['status']>['tags']>

/** Where tags point: where the spec says, else at the version that asked for it and was committed last. A declared tag whose version is missing stays where it was. */
const tagsOf = (world: World, committed: Committed[], before: Tags): { tags: Tags; missing: string[] } => {
  const byNumber = new Map(committed.map((version) => [version.sequence, version]))
  const targets = new Map<string, Committed | undefined>()
  for (const version of committed.toSorted(
    (a, b) => a.committedAt.localeCompare(b.committedAt) || a.sequence - b.sequence,
  ))
    for (const tag of version.tags) targets.set(tag, version)
  for (const [tag, number] of Object.entries(world.spec.tags ?? {}))
    targets.set(tag, byNumber.get(parseVersionTag(number) ?? 0))
  const missing: string[] = []
  const tags = [...targets].flatMap(([name, target]) => {
    const old = before.find((tag) => tag.name === name)
    if (!target) {
      missing.push(`${name}: ${world.spec.tags?.[name]}`)
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
  const [highest] = committed
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
