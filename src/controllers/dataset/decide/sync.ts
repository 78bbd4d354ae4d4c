import { formatDuration, parseDuration } from '../../../api/duration.ts'
import type { MoveDone } from '../../../api/move.ts'
import { annotations } from '../../../api/names.ts'
import { retryDelay } from '../../../desired/attempt.ts'
import { moverAccess, resolveLocation } from '../../../desired/location.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, type Step, say, tell, unsay } from './draft.ts'
import { importUnderWay } from './imports.ts'
import { cleanUp, follow, movesOn, reasonOf } from './mover.ts'

type LastSync = NonNullable<NonNullable<World['dataset']['status']>['lastSync']>
type Looked = Extract<MoveDone, { op: 'Scan' }>['items'][number]

const requestOf = (world: World): string | undefined =>
  world.dataset.metadata.annotations?.[annotations.syncRequestedAt]

/** When the source is looked at next, in ms since 1970; undefined: on request. */
const dueAt = (world: World, last: LastSync | undefined): number | undefined => {
  if (!last?.finishedAt) return world.now
  const { status, metadata } = world.dataset
  const request = requestOf(world)
  if (request !== undefined && request.slice(0, 256) !== status?.lastHandledSyncRequest) return world.now
  if (last.generation !== metadata.generation) return world.now
  const finished = Date.parse(last.finishedAt)
  const interval = world.spec.sync?.interval === undefined ? undefined : parseDuration(world.spec.sync.interval)
  const regular = interval === undefined ? undefined : finished + Math.max(interval, 1000)
  if (!last.failures) return regular
  return Math.min(finished + retryDelay(last.failures - 1), regular ?? Number.POSITIVE_INFINITY)
}

const begin = (world: World, draft: Draft, last: LastSync | undefined): void => {
  const request = requestOf(world)?.slice(0, 256)
  const asked =
    request !== draft.status.lastHandledSyncRequest || last?.generation !== world.dataset.metadata.generation
  // An import that failed for good is tried again when somebody asks or changes the spec, or when the source has changed.
  if (asked) draft.status.failedFingerprint = undefined
  draft.status.lastHandledSyncRequest = request
  draft.status.nextSyncAt = undefined
  draft.status.lastSync = {
    attempt: (last?.attempt ?? 0) + 1,
    failures: last?.failures ?? 0,
    generation: world.dataset.metadata.generation,
    startedAt: isoTime(world.now),
  }
}

const failed = (world: World, draft: Draft, last: LastSync, why: { reason: string; message: string }): void => {
  const reason = reasonOf(why.reason)
  const failures = (last.failures ?? 0) + 1
  draft.status.lastSync = { ...last, failures, finishedAt: isoTime(world.now), result: reason }
  const again = formatDuration(retryDelay(failures - 1))
  const message = `${why.message} (looks again in ${again}, or at once on a new ${annotations.syncRequestedAt})`
  say(world, draft, { type: 'SourceReachable', status: 'False', reason, message })
  if (world.dataset.status?.conditions?.find((c) => c.type === 'SourceReachable')?.reason !== reason)
    tell(world, draft, { type: 'Warning', reason, message: why.message })
}

/** What a writeback left at the source, as the last one left it: to find just that is no change. */
const isOwnWriting = (world: World, fingerprint: string): boolean => {
  const newest = world.versions
    .flatMap(({ status }) => (status?.mirror?.finishedAt === undefined ? [] : [status.mirror]))
    .sort((a, b) => Date.parse(b.finishedAt ?? '') - Date.parse(a.finishedAt ?? ''))[0]
  return newest?.fingerprint === fingerprint
}

const succeeded = (world: World, draft: Draft, last: LastSync, found: Exclude<Looked, { reason: unknown }>): void => {
  if (isOwnWriting(world, found.fingerprint)) draft.status.importedFingerprint = found.fingerprint
  const { importedFingerprint, failedFingerprint } = draft.status
  const changed = found.fingerprint !== importedFingerprint && found.fingerprint !== failedFingerprint
  draft.status.lastSync = {
    ...last,
    ...found,
    failures: 0,
    finishedAt: isoTime(world.now),
    changed,
    result: changed ? 'Changed' : 'Unchanged',
  }
  say(world, draft, {
    type: 'SourceReachable',
    status: 'True',
    reason: 'Reachable',
    message: `Found ${found.objects} objects.`,
  })
}

const filtered = ({ spec: { source } }: World): string =>
  source?.include || source?.exclude ? ' that include and exclude let through' : ''

const finish = (world: World, draft: Draft, last: LastSync, looked: Looked | undefined) => {
  if (!looked) return failed(world, draft, last, { reason: 'MoverFailed', message: 'The mover listed nothing.' })
  if ('reason' in looked) return failed(world, draft, last, looked)
  if (looked.objects === 0 && !world.spec.source?.allowEmpty)
    return failed(world, draft, last, {
      reason: 'SourceEmpty',
      message: `There is no object under the prefix "${world.spec.source?.prefix ?? ''}"${filtered(world)}: mend spec.source, upload the data, or set spec.source.allowEmpty: true.`,
    })
  return succeeded(world, draft, last, looked)
}

/** A look that is under way. */
const look = (world: World, draft: Draft, last: LastSync) => {
  const { source } = world.spec
  const { name, namespace = '', uid = '' } = world.dataset.metadata
  if (!source) return
  const resolution = resolveLocation(source, world.providers)
  if (!('location' in resolution)) return failed(world, draft, last, resolution)
  const access = moverAccess('source', resolution.location)
  const { include, exclude, allowEmpty } = source
  const now = follow(world, draft, {
    spec: {
      op: 'Scan',
      items: [
        {
          dataset: { namespace, name, uid },
          source: access.location,
          ...(include ? { include } : {}),
          ...(exclude ? { exclude } : {}),
          ...(allowEmpty ? { allowEmpty } : {}),
        },
      ],
    },
    number: last.attempt ?? 1,
    failures: last.failures ?? 0,
    locations: [access],
  })
  if (now.state === 'failed') failed(world, draft, last, now)
  else if (now.state === 'done' && now.result.op === 'Scan') finish(world, draft, last, now.result.items[0])
  else movesOn(world, draft, now, 'SourceReachable')
}

const withoutSource = (world: World, draft: Draft): void => {
  cleanUp(world, draft, 'Scan')
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

/** Looks at the source when it is time: the first time, on request, after a change of the spec, at the interval, and with backoff after a failure. */
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
  cleanUp(world, draft, 'Scan')
  if (importUnderWay(world, draft)) return undefined
  const due = dueAt(world, last)
  if (due !== undefined && due <= world.now) begin(world, draft, last)
  else {
    draft.status.nextSyncAt = due === undefined ? undefined : isoTime(due)
    if (due !== undefined) lookAgainAt(world, draft, due)
  }
  return undefined
}
