import { parseDuration } from '../../../api/duration.ts'
import * as kinds from '../../../api/kinds.ts'
import { finalizers, parseVersionTag, versionTag } from '../../../api/names.ts'
import { usersOf } from '../../../desired/in-use.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, type Step } from './draft.ts'
import { type Committed, committedOf } from './history.ts'
import { isOurs } from './numbers.ts'

type Tombstone = NonNullable<NonNullable<World['dataset']['status']>['tombstones']>[number]

const week = 168 * 3_600_000
/** The schema's bound: versions beyond it go when others have gone. */
const mostTombstones = 1000
/** Deletes in one round. */
const mostAtOnce = 20

const graceOf = ({ spec }: World): number => parseDuration(spec.retention?.deletedGrace ?? '') ?? week

const bury = (world: World, draft: Draft, version: { sequence: number; name: string }, reason: Tombstone['reason']) => {
  const there = draft.status.tombstones ?? []
  if (there.length >= mostTombstones || there.some(({ sequence }) => sequence === version.sequence)) return
  draft.status.tombstones = [
    ...there,
    {
      version: versionTag(version.sequence),
      sequence: version.sequence,
      name: version.name,
      reason,
      at: isoTime(world.now),
      until: isoTime(world.now + graceOf(world)),
    },
  ]
  draft.status.restored = draft.status.restored?.filter((one) => one.version !== versionTag(version.sequence))
}

/** Versions that are on their way out for good are written down: when that is seen, their objects go. */
export const buryDeleted: Step = (world, draft) => {
  for (const { metadata, status } of world.versions) {
    if (status?.phase !== 'Deleting' || status.sequence === undefined || status.digest === undefined) continue
    bury(world, draft, { sequence: status.sequence, name: metadata.name }, 'Deleted')
  }
  return undefined
}

/** Numbers that a tag points at, or that are to be kept ready as volumes by name. */
const named = (draft: Draft, world: World): Set<number | undefined> => {
  const tags = draft.status.tags ?? []
  const pins = (world.spec.volume?.pins ?? []).map((pin) => tags.find(({ name }) => name === pin)?.version ?? pin)
  const kept = world.spec.retention?.keepTagged === false ? [] : tags.map(({ version }) => version)
  return new Set([...kept, ...pins, draft.status.latest?.version ?? ''].map(parseVersionTag))
}

const isInUse = (world: World, { sequence }: Committed): boolean => {
  const { namespace, name } = world.dataset.metadata
  const { contentClaims: claims, contentPods: pods, versions } = world
  return usersOf({ dataset: `${namespace}/${name}`, sequence, claims, pods, versions }).length > 0
}

/** Versions that spec.retention lets go, the oldest first. */
const expired = (world: World, draft: Draft): Committed[] => {
  const keepLast = world.spec.retention?.keepLast
  if (keepLast === undefined) return []
  const kept = named(draft, world)
  return committedOf(world)
    .slice(keepLast)
    .filter((version) => !kept.has(version.sequence) && !isInUse(world, version))
    .reverse()
}

/**
 * Lets go what spec.retention does not keep: newest, tagged, pinned, used and built upon versions stay. An object that Granary made is deleted, and its own guard
 * decides when it goes; one that a person made stays, as Expired.
 */
export const retain: Step = (world, draft) => {
  if (draft.held) return undefined
  for (const version of expired(world, draft).slice(0, mostAtOnce)) {
    const object = world.versions.find(({ metadata }) => metadata.name === version.name)
    if (object === undefined || object.metadata.deletionTimestamp !== undefined) continue
    // Who uses it must not come from a cache.
    draft.plan.live = true
    if (!isOurs(world, object)) bury(world, draft, version, 'Retention')
    else if (object.metadata.finalizers?.includes(finalizers.version) === true) {
      const { name, namespace = '', uid = '' } = object.metadata
      draft.plan.delete.push({ kind: kinds.DatasetVersion, namespace, name, uid })
    }
  }
  return undefined
}
