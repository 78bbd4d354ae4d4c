import { annotations, parseVersionTag } from '../../../api/names.ts'
import { spread } from '../../../lib/spread.ts'
import { sha256Hex } from '../../../manifest/digest.ts'
import type { World } from '../world.ts'
import type { Draft } from './draft.ts'

export type LastSweep = NonNullable<NonNullable<World['dataset']['status']>['lastSweep']>

const second = 1000
const day = 24 * 3600 * second
/** What comes within so long is done in one run. */
const together = 10 * second
const endPhases = ['Committed', 'Failed', 'Abandoned', 'Expired', 'Deleting']

export const sweepRequest = ({ dataset }: World): string | undefined =>
  dataset.metadata.annotations?.[annotations.sweepRequestedAt]?.slice(0, 256)

/** `v3` or `v3 <new value>`, if that is new. */
export const restoreRequest = (
  world: World,
  draft: Draft,
): { text: string; sequence: number | undefined } | undefined => {
  const text = world.dataset.metadata.annotations?.[annotations.restore]?.slice(0, 256)
  if (text === undefined || text === draft.status.lastHandledRestore) return undefined
  return { text, sequence: parseVersionTag(text.trim().split(/\s+/)[0] ?? '') }
}

/** Tells one state of the tags from another. */
export const digestOfTags = (draft: Draft): string =>
  sha256Hex(
    Buffer.from(
      JSON.stringify((draft.status.tags ?? []).map(({ name, version, movedAt }) => [name, version, movedAt])),
    ),
  ).slice(0, 16)

/** Numbers that are written, or may be, and so belong to nobody's rubbish. */
export const openNumbers = (world: World, draft: Draft): number[] => {
  const versions = world.versions.flatMap(({ status }) =>
    status?.sequence === undefined || endPhases.includes(status.phase ?? 'Pending') ? [] : [status.sequence],
  )
  const reserved = (draft.status.opening ?? []).map(({ sequence }) => sequence)
  return [...new Set([...versions, ...reserved, ...world.writing])].sort((a, b) => a - b)
}

const tagsAt = (world: World, draft: Draft, last: LastSweep): number[] => {
  if (digestOfTags(draft) === (last.tags ?? '') || (draft.status.tags?.length === 0 && last.tags === undefined))
    return []
  const moved = (draft.status.tags ?? []).map(({ movedAt }) => Date.parse(movedAt))
  return [Math.max(...moved, world.now - together) + together]
}

/** When the store is cleaned up next, ms since 1970; undefined: nothing of this Dataset is in a store yet. */
export const sweepDueAt = (world: World, draft: Draft): number | undefined => {
  const last = draft.status.lastSweep ?? {}
  const request = sweepRequest(world)
  if (request !== undefined && request !== last.request) return world.now
  const retryAt = last.nextRetryAt === undefined ? world.now : Date.parse(last.nextRetryAt)
  if (restoreRequest(world, draft) !== undefined) return Math.max(retryAt, world.now)
  if ((draft.status.nextSequence ?? 1) <= 1) return undefined
  const tombstones = draft.status.tombstones ?? []
  const waiting = tombstones.filter(({ stored }) => stored !== true).map(({ at }) => Date.parse(at) + together)
  // What a run has left over is not tried again in the same breath.
  const rested = last.finishedAt === undefined ? 0 : Date.parse(last.finishedAt) + together
  const overdue = tombstones
    .filter(({ stored }) => stored === true)
    .map(({ until }) => Math.max(Date.parse(until) + second, rested))
  const regular = Date.parse(last.finishedAt ?? world.dataset.metadata.creationTimestamp ?? '') + day
  const early = (day / 4) * spread(world.dataset.metadata.uid ?? '')
  const due = Math.min(
    Number.isNaN(regular) ? Number.POSITIVE_INFINITY : regular - early,
    waiting.length === 0 ? Number.POSITIVE_INFINITY : Math.max(...waiting),
    ...overdue,
    ...tagsAt(world, draft, last),
    ...(last.more === true ? [world.now] : []),
  )
  if (due === Number.POSITIVE_INFINITY) return undefined
  return last.nextRetryAt === undefined ? due : Math.max(due, retryAt)
}
