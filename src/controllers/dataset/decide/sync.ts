import { parseDuration } from '../../../api/duration.ts'
import * as kinds from '../../../api/kinds.ts'
import { annotations } from '../../../api/names.ts'
import { retryDelay } from '../../../desired/attempt.ts'
import { needsLook } from '../../../desired/freshness.ts'
import { claimProblem } from '../../../desired/source-claim.ts'
import { nextTime } from '../../../lib/schedule.ts'
import { spread } from '../../../lib/spread.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, type Step, say, unsay } from './draft.ts'
import { importUnderWay } from './imports.ts'
import { begin, type LastSync, look, requestOf } from './look.ts'

/** Looks at intervals are spread over so much of the interval, so that not all sources are listed at the same moment. */
const spreadOver = 0.1

/** When the source is looked at next, in ms since 1970; undefined: on request. */
const dueAt = (world: World, last: LastSync | undefined): number | undefined => {
  if (!last?.finishedAt) return world.now
  const { status, metadata } = world.dataset
  const request = requestOf(world)
  if (request !== undefined && request.slice(0, 256) !== status?.lastHandledSyncRequest) return world.now
  if (last.generation !== metadata.generation) return world.now
  const finished = Date.parse(last.finishedAt)
  const interval = world.spec.sync?.interval === undefined ? undefined : parseDuration(world.spec.sync.interval)
  const early = 1 - spreadOver * spread(metadata.uid ?? '')
  const { schedule, timeZone } = world.spec.sync ?? {}
  const begun = Date.parse(last.startedAt ?? last.finishedAt)
  const times = [
    interval === undefined ? undefined : finished + Math.max(Math.round(interval * early), 1000),
    schedule === undefined ? undefined : nextTime(schedule, timeZone, begun),
  ].filter((time) => time !== undefined)
  const regular = times.length === 0 ? undefined : Math.min(...times)
  if (!last.failures) return isAwaited(world) ? world.now : regular
  return Math.min(finished + retryDelay(last.failures - 1), regular ?? Number.POSITIVE_INFINITY)
}

/** Whether a claim that wants latest waits for a newer look than the last. */
const isAwaited = ({ claims, dataset, spec }: World): boolean =>
  claims.some(
    (claim) =>
      claim.spec?.dataSourceRef?.kind === kinds.Dataset.kind &&
      claim.metadata.annotations?.[annotations.resolved] === undefined &&
      claim.metadata.annotations?.[annotations.access] !== 'ReadWrite' &&
      claim.metadata.deletionTimestamp === undefined &&
      needsLook({ spec, ...(dataset.status === undefined ? {} : { status: dataset.status }) }, claim),
  )

const withoutSource = (world: World, draft: Draft): void => {
  draft.status.nextSyncAt = undefined
  if (world.spec.source) say(world, draft, suspended)
  else {
    draft.status.lastSync = undefined
    unsay(draft, 'SourceReachable')
  }
}

const suspended = {
  type: 'SourceReachable',
  status: 'Unknown',
  reason: 'Suspended',
  message: 'spec.sync.suspend is true; the source is not looked at.',
} as const

/** How often a claim that is written to is looked at again. */
const writersMs = 5_000

/** A claim that is not there, or that pods write to, is not looked at yet; the import, too, waits for them. */
const waitsForWriters = (world: World, draft: Draft): boolean => {
  const problem = claimProblem(world.spec.source, world.sourceClaim, world.sourceWriters)
  if (problem === undefined) return false
  say(world, draft, { type: 'SourceReachable', status: 'False', ...problem })
  lookAgainAt(world, draft, world.now + writersMs)
  return true
}

/** Looks at the source when it is time: the first time, on request, after a change of the spec, at the interval, by the schedule, when a claim waits for a newer one than maxAge, and with backoff after a failure. */
export const sync: Step = (world, draft) => {
  const last = draft.status.lastSync
  if (!world.spec.source || world.spec.sync?.suspend) {
    withoutSource(world, draft)
    return undefined
  }
  if (last?.startedAt && !last.finishedAt) {
    look(world, draft, last)
    return undefined
  }
  if (importUnderWay(world, draft)) return undefined
  const due = dueAt(world, last)
  if (due !== undefined && due <= world.now) {
    if (!waitsForWriters(world, draft)) begin(world, draft, last)
  } else {
    draft.status.nextSyncAt = due === undefined ? undefined : isoTime(due)
    if (due !== undefined) lookAgainAt(world, draft, due)
  }
  return undefined
}
