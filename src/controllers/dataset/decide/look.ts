import { formatDuration } from '../../../api/duration.ts'
import type { Looked, MoveDone } from '../../../api/move-result.ts'
import { annotations } from '../../../api/names.ts'
import { reasons } from '../../../api/reasons.ts'
import { retryDelay } from '../../../desired/attempt.ts'
import { type LookState, lookFor } from '../../../desired/look.ts'
import { resolveSource } from '../../../desired/source.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, say, tell } from './draft.ts'
import { committedOf } from './history.ts'
import { movesOn, reasonOf } from './mover.ts'

export type LastSync = NonNullable<NonNullable<World['dataset']['status']>['lastSync']>
type Scanned = Extract<MoveDone, { op: 'Scan' }>
type Found = Extract<Looked, { fingerprint: string }>

/** A source that is listed within so many seconds doesn't hold up others. */
const briefSeconds = 15
/** A look that is in no Job after so long is worth a word, ms. */
const patienceMs = 30_000

/** The sync request that stands on the Dataset. */
export const requestOf = (world: World): string | undefined =>
  world.dataset.metadata.annotations?.[annotations.syncRequestedAt]

const isLatestDamaged = (world: World): boolean => committedOf(world)[0]?.damaged === true

/** Asks for a look. */
export const begin = (world: World, draft: Draft, last: LastSync | undefined) => {
  const request = requestOf(world)?.slice(0, 256)
  const asked =
    request !== draft.status.lastHandledSyncRequest || last?.generation !== world.dataset.metadata.generation
  // An import that failed for good is tried again when somebody asks or changes the spec, or when the source has changed.
  if (asked) draft.status.failedFingerprint = undefined
  // Damage is mended by importing the same content once more, whose bytes are all stored anew.
  if (asked && isLatestDamaged(world)) draft.status.importedFingerprint = undefined
  draft.status.lastHandledSyncRequest = request
  draft.status.nextSyncAt = undefined
  draft.status.lastSync = {
    attempt: (last?.attempt ?? 0) + 1,
    failures: last?.failures ?? 0,
    generation: world.dataset.metadata.generation,
    startedAt: isoTime(world.now),
    // What the mover may answer in short that it is still so.
    objects: last?.objects,
    bytes: last?.bytes,
    fingerprint: last?.fingerprint,
    slow: last?.generation === world.dataset.metadata.generation ? last?.slow : undefined,
  }
}

const failed = (world: World, draft: Draft, last: LastSync, why: { reason: string; message: string }) => {
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

const succeeded = (world: World, draft: Draft, last: LastSync, found: Found) => {
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

const conclude = (world: World, draft: Draft, last: LastSync, found: Found) => {
  if (found.objects > 0 || world.spec.source?.allowEmpty) return succeeded(world, draft, last, found)
  return failed(world, draft, last, {
    reason: 'SourceEmpty',
    message: `There is no object under the prefix "${world.spec.source?.prefix ?? ''}"${filtered(world)}: mend spec.source, upload the data, or set spec.source.allowEmpty: true.`,
  })
}

/** There was no answer this time: another look, which is no failure. */
const putOff = (world: World, draft: Draft, last: LastSync, slow: boolean) => {
  draft.status.lastSync = {
    ...last,
    attempt: (last.attempt ?? 1) + 1,
    startedAt: isoTime(world.now),
    ...(slow ? { slow } : {}),
  }
}

/** Reads the answer of a mover that has looked for many. */
const finish = (world: World, draft: Draft, last: LastSync, { items }: Scanned, { index, took }: LookState) => {
  const own = items[index]
  const looked = own && typeof own === 'object' && 'as' in own ? items[own.as] : own
  if (looked === null) return putOff(world, draft, last, false)
  if (looked === true) {
    const { objects = 0, bytes = 0, fingerprint } = last
    return fingerprint === undefined
      ? putOff(world, draft, last, false)
      : conclude(world, draft, last, { objects, bytes, fingerprint })
  }
  if (looked === undefined || 'as' in looked)
    return failed(world, draft, last, { reason: 'MoverFailed', message: 'The mover listed nothing.' })
  if ('slow' in looked) return putOff(world, draft, last, true)
  if ('reason' in looked) {
    const { meaning, remedy } = reasons[reasonOf(looked.reason)]
    return failed(world, draft, last, { reason: looked.reason, message: looked.message ?? `${meaning} ${remedy}` })
  }
  const brief = took !== undefined && took < briefSeconds
  return conclude(world, draft, brief ? { ...last, slow: undefined } : last, looked)
}

/** A look that is under way. Its Job is made, and cleared up, by who makes them for all Datasets of the namespace. */
export const look = (world: World, draft: Draft, last: LastSync) => {
  const { source } = world.spec
  if (!source) return
  const { providers, config, dataset } = world
  const { uid = '' } = dataset.metadata
  const resolution = resolveSource(source, { uid, providers, allowHostPath: config.allowHostPath ?? [] })
  if (!('location' in resolution)) return failed(world, draft, last, resolution)
  // It would tell of what the spec no longer says.
  if (last.generation !== world.dataset.metadata.generation) return begin(world, draft, last)
  const state = lookFor({
    uid: world.dataset.metadata.uid ?? '',
    attempt: last.attempt ?? 1,
    jobs: world.looks,
    pods: world.lookers,
    now: world.now,
  })
  if (state === undefined) return unheard(world, draft, last)
  const { now } = state
  if (now.state === 'failed') failed(world, draft, last, now)
  else if (now.state === 'done' && now.result.op === 'Scan') finish(world, draft, last, now.result, state)
  else if (now.state === 'waiting' && now.reason === 'Starting') starting(world, draft, last, now.message)
  else movesOn(world, draft, now, 'SourceReachable')
}

/** A pod that does not start: a volume that can't be mounted, no node for it, no image. */
const starting = (world: World, draft: Draft, last: LastSync, said: string) => {
  const overdue = Date.parse(last.startedAt ?? '') + patienceMs
  if (overdue > world.now) return lookAgainAt(world, draft, overdue)
  const message = `${said} If it stays so, the events of the pod say why (kubectl describe pod).`
  say(world, draft, { type: 'SourceReachable', status: 'Unknown', reason: 'MoverStarting', message })
}

const unheard = (world: World, draft: Draft, last: LastSync) => {
  const overdue = Date.parse(last.startedAt ?? '') + patienceMs
  if (overdue > world.now) return lookAgainAt(world, draft, overdue)
  say(world, draft, {
    type: 'SourceReachable',
    status: 'Unknown',
    reason: 'MoverStarting',
    message:
      "No Job looks at the source yet: a ResourceQuota on Jobs or an admission policy may refuse it, the operator's log says which.",
  })
}
