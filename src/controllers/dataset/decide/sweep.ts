import type { MoveDone, StoredVersion } from '../../../api/move-result.ts'
import { annotations, versionName, versionTag } from '../../../api/names.ts'
import { formatBytes } from '../../../api/quantity.ts'
import type { Attempt } from '../../../desired/attempt.ts'
import { moverAccess } from '../../../desired/location.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainAt, type Step, tell } from './draft.ts'
import { cleanUp, follow, reasonOf } from './mover.ts'
import { numberedVersion } from './numbers.ts'
import { storeOf } from './store.ts'
import { digestOfTags, type LastSweep, restoreRequest, sweepDueAt, sweepRequest } from './sweep-due.ts'
import { type SweepSpec, sweepSpec } from './sweep-spec.ts'

type Swept = Extract<MoveDone, { op: 'Sweep' }>

/** The schema's bound. */
const mostTombstones = 1000

const isRunning = (last: LastSweep): boolean => last.startedAt !== undefined && last.finishedAt === undefined

const begin = (world: World, draft: Draft, last: LastSweep): void => {
  const request = sweepRequest(world)
  const isAsked = request !== undefined && request !== last.request
  const dryRun = isAsked && /\sdry-run\s*$/.test(request)
  const { attempt = 0, tags, failures } = last
  draft.status.lastSweep = {
    attempt: attempt + 1,
    startedAt: isoTime(world.now),
    // No mover writes now, and none begins until this is over.
    quiet: world.writing.length === 0,
    all: isAsked || failures !== undefined || last.more === true || isDaily(world, draft),
    ...(dryRun ? { dryRun } : {}),
    ...(request === undefined ? {} : { request }),
    ...(tags === undefined ? {} : { tags }),
    ...(failures === undefined ? {} : { failures }),
  }
}

const isDaily = (world: World, draft: Draft): boolean => {
  const before = draft.status.lastSweep?.finishedAt ?? world.dataset.metadata.creationTimestamp ?? ''
  return world.now - Date.parse(before) > 12 * 3_600_000
}

/** Versions that are back in the store and have no object; false: one of that name still has to go. */
const remake = (world: World, draft: Draft, restored: readonly StoredVersion[]): 'there' | 'made' | 'wait' => {
  let state: 'there' | 'made' | 'wait' = 'there'
  for (const entry of restored) {
    const there = world.versions.find(
      ({ metadata, status }) =>
        status?.sequence === entry.n || metadata.name === versionName(world.dataset.metadata.name, entry.n),
    )
    if (there?.metadata.deletionTimestamp !== undefined) return 'wait'
    if (there !== undefined) continue
    const { message, tags } = entry
    const spec = { ...(message === undefined ? {} : { message }), ...(tags === undefined ? {} : { tags }) }
    draft.make.versions.push({
      object: numberedVersion(world, entry.n, spec, { [annotations.adopted]: JSON.stringify(entry) }),
    })
    state = 'made'
  }
  return state
}

const noteRestored = (world: World, draft: Draft, found: Swept): void => {
  const request = restoreRequest(world, draft)
  if (request === undefined) return
  draft.status.lastHandledRestore = request.text
  const back = found.restored.map(({ n }) => n)
  for (const n of back) {
    const version = versionTag(n)
    const before = (draft.status.restored ?? []).filter((one) => one.version !== version)
    const name = draft.status.tombstones?.find(({ sequence }) => sequence === n)?.name
    draft.status.restored = [
      ...before,
      { version, ...(name === undefined ? {} : { name }), at: isoTime(world.now) },
    ].slice(-100)
    tell(world, draft, { type: 'Normal', reason: 'Restored', message: `${version} is back.` })
  }
  draft.status.tombstones = draft.status.tombstones?.filter(({ sequence }) => !back.includes(sequence))
  if (back.length > 0) return
  const message = `There is nothing to restore for "${request.text}": status.tombstones names what can be.`
  tell(world, draft, { type: 'Warning', reason: 'RestoreFailed', message })
}

/** What the store says about tombstones: those that it has, and those of which nothing is left. */
const noteTombstones = (draft: Draft, spec: SweepSpec, found: Swept): void => {
  const asked = new Set(spec.tombstones.map(({ sequence }) => sequence))
  const there = new Set(found.tombstones.map(({ n }) => n))
  const kept = (draft.status.tombstones ?? [])
    .filter(({ sequence }) => !found.purged.includes(sequence))
    .map(({ stored, ...one }) => {
      if (asked.has(one.sequence) || there.has(one.sequence)) return { ...one, stored: true }
      // Its grace is over, and the store has lost it: what stays here as it is would be due for ever. It is written again.
      const isLost = stored === true && Date.parse(one.until) <= Date.parse(spec.now)
      return { ...one, stored: isLost ? undefined : stored }
    })
  const known = new Set(kept.map(({ sequence }) => sequence))
  // Of a Dataset that was adopted: they are older than it is.
  const more = found.tombstones
    .filter(({ n }) => !known.has(n))
    .map(({ n, until }) => ({
      version: versionTag(n),
      sequence: n,
      reason: 'Deleted' as const,
      at: spec.now,
      until: isoTime(Date.parse(until)),
      stored: true,
    }))
  draft.status.tombstones = [...kept, ...more].slice(0, mostTombstones)
}

const finish = (world: World, draft: Draft, last: LastSweep, spec: SweepSpec, found: Swept): void => {
  const made = remake(world, draft, found.restored)
  if (made !== 'there') {
    if (made === 'wait') lookAgainAt(world, draft, world.now + 2000)
    return
  }
  noteRestored(world, draft, found)
  if (last.dryRun !== true) noteTombstones(draft, spec, found)
  const { attempt, request, startedAt, dryRun, all } = last
  const { tombstoned, objects, bytes, more } = found
  draft.status.lastSweep = {
    ...(attempt === undefined ? {} : { attempt }),
    ...(request === undefined ? {} : { request }),
    ...(startedAt === undefined ? {} : { startedAt }),
    ...(dryRun === undefined ? {} : { dryRun }),
    ...(all === undefined ? {} : { all }),
    ...(dryRun === true ? (last.tags === undefined ? {} : { tags: last.tags }) : { tags: digestOfTags(draft) }),
    finishedAt: isoTime(world.now),
    result: 'Done',
    tombstoned,
    objects,
    bytes,
    ...(more && dryRun !== true ? { more } : {}),
  }
  const what = `${objects} objects, ${formatBytes(bytes)}`
  if (dryRun === true) tell(world, draft, { type: 'Normal', reason: 'Swept', message: `Would remove ${what}.` })
  else if (objects > 0)
    tell(world, draft, { type: 'Normal', reason: 'Swept', message: `Removed ${what} that nothing refers to.` })
}

const failed = (world: World, draft: Draft, last: LastSweep, why: Extract<Attempt, { state: 'failed' }>): void => {
  const reason = reasonOf(why.reason)
  const { quiet: _, ...rest } = last
  draft.status.lastSweep = {
    ...rest,
    failures: (last.failures ?? 0) + 1,
    finishedAt: isoTime(world.now),
    nextRetryAt: isoTime(why.retryAt + 999),
    result: reason,
  }
  if (last.failures === undefined)
    tell(world, draft, { type: 'Warning', reason: 'SweepFailed', message: `${reason}: ${why.message}` })
}

const run = (world: World, draft: Draft, last: LastSweep): void => {
  const store = storeOf(world)
  if (!('location' in store)) return
  const access = moverAccess('store', store.location)
  const spec = sweepSpec(world, draft, access.location, last)
  const now = follow(world, draft, {
    spec,
    number: last.attempt ?? 1,
    failures: last.failures ?? 0,
    locations: [access],
  })
  // Whether a mover writes must not come from a cache.
  if (now.state === 'create') draft.plan.live = true
  if (now.state === 'failed') failed(world, draft, last, now)
  else if (now.state === 'done' && now.result.op === 'Sweep') finish(world, draft, last, spec, now.result)
}

/** Cleans the store up when it is time: tombstones to write, graces that are over, tags that moved, once a day, and on request. */
export const sweepStore: Step = (world, draft) => {
  const last = draft.status.lastSweep ?? {}
  if (isRunning(last)) {
    run(world, draft, last)
    return undefined
  }
  cleanUp(world, draft, 'Sweep')
  if (draft.held) return undefined
  const due = sweepDueAt(world, draft)
  if (due === undefined) return undefined
  if (due <= world.now) begin(world, draft, last)
  else lookAgainAt(world, draft, due)
  return undefined
}
