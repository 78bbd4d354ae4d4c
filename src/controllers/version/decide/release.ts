import { annotations, parseVersionTag } from '../../../api/names.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import { attempt } from '../../../desired/attempt.ts'
import { activeWriters, endedWell, isReleased, type User } from '../users.ts'
import type { World } from '../world.ts'
import { checkpoint } from './checkpoint.ts'
import { claimNameOf, contentOf } from './claims.ts'
import { type Draft, enter, isoTime, lookAgainIn, resting, type Step, say, stalled } from './draft.ts'
import { attemptInput, stopMovers } from './move.ts'
import { latestOther } from './places.ts'
import { byWorkspace } from './producer.ts'
import { abandonUnused, describeUse } from './working.ts'
import { ignoresWriters } from './workspace.ts'

export type Verdict = 'commit' | { reason: ReasonName; message: string }

const choices = (world: World): string =>
  `Commit it with spec.committed: true, or drop it with the annotation ${annotations.abandon}: ${world.version.metadata.uid}.`

const ends: Record<Exclude<User['outcome'], 'Running' | 'Succeeded'>, { reason: ReasonName; words: string }> = {
  Failed: { reason: 'ProducerFailed', words: 'failed' },
  Deleted: { reason: 'OwnerDeleted', words: 'was deleted while it ran' },
  Unknown: { reason: 'ProducerUnknown', words: 'ended without anybody seeing how' },
}

/** The commit is refused if another version came first; with `committed: true` a person has looked at that. */
export const parentMoved = (world: World): Exclude<Verdict, 'commit'> | undefined => {
  const { expectedParent, committed } = world.spec
  if (expectedParent === undefined || committed === true) return undefined
  const latest = latestOther(world)?.sequence
  if (latest === parseVersionTag(expectedParent)) return undefined
  return {
    reason: 'ParentMoved',
    message: `The latest version is ${latest === undefined ? 'none' : `v${latest}`}, not ${expectedParent} as spec.expectedParent says. Look at the difference. ${choices(world)}`,
  }
}

/** Whether what was released is to be committed by itself. */
export const verdict = (world: World, users: readonly User[]): Verdict => {
  const { spec, datasetSpec } = world
  if (spec.committed === true || spec.from !== undefined) return 'commit'
  const policy = spec.commit ?? datasetSpec?.outputs?.commit ?? 'OnSuccess'
  if (policy === 'OnRelease') return parentMoved(world) ?? 'commit'
  if (policy === 'Manual')
    return { reason: 'AwaitingCommit', message: `The writers are gone, and spec.commit is Manual. ${choices(world)}` }
  const bad = users.find((user) => !endedWell(user))
  if (bad === undefined) return parentMoved(world) ?? 'commit'
  const end = ends[bad.outcome as keyof typeof ends] ?? ends.Unknown
  return { reason: end.reason, message: `${bad.kind} ${bad.name} ${end.words}. ${choices(world)}` }
}

/** Nobody writes, and nobody will: by its users; because its claim is going and can't be mounted again; or because a person says so. */
const isOver = (world: World, users: readonly User[]): boolean => {
  if (ignoresWriters(world)) return true
  const active = activeWriters({ claim: claimNameOf(world), pods: world.pods })
  if (isReleased(users, active)) return true
  if (active.length > 0) return false
  if (world.spec.from !== undefined) return true
  const claimGoes = world.claim === undefined || world.claim.metadata.deletionTimestamp !== undefined
  return claimGoes || (users.length === 0 && world.spec.committed === true)
}

export const keepUncommitted = (world: World, draft: Draft, reason: ReasonName, message: string): void => {
  enter(world, draft, 'Uncommitted', message, 'Warning')
  draft.status.releasedAt ??= isoTime(world.now)
  delete draft.status.progress
  say(world, draft, { type: 'Committed', status: 'False', reason, message })
  stalled(world, draft, reason, message)
}

const produced = (world: World, users: readonly User[]): Record<string, string> | undefined => {
  const last = users.at(-1)
  if (last === undefined) return undefined
  const run = world.pods
    .map(
      (pod) =>
        pod.metadata.labels?.['tekton.dev/pipelineRun'] ?? pod.metadata.labels?.['workflows.argoproj.io/workflow'],
    )
    .find((name) => name !== undefined)
  return { kind: last.kind, name: last.name, uid: last.uid, ...(run === undefined ? {} : { run }) }
}

/** Running → Finalizing or Uncommitted, when the last writer is gone for good. Seen live, or not at all. */
export const release: Step = (world, draft) => {
  if (draft.status.phase !== 'Running') return undefined
  const users = draft.status.users ?? []
  if (!isOver(world, users)) {
    describeUse(world, draft)
    checkpoint(world, draft)
    return 'stop'
  }
  draft.plan.live = true
  if (users.length === 0 && world.spec.from === undefined && world.spec.committed !== true) {
    abandonUnused(world, draft)
    return 'stop'
  }
  const said = verdict(world, users)
  if (said !== 'commit') {
    keepUncommitted(world, draft, said.reason, said.message)
    return 'stop'
  }
  startFinalizing(world, draft)
  return 'stop'
}

export const startFinalizing = (world: World, draft: Draft): void => {
  const message = 'The writers are gone: what they wrote is uploaded and verified.'
  const producedBy = byWorkspace(world) ?? produced(world, draft.status.users ?? [])
  if (producedBy !== undefined) draft.status.producedBy = producedBy
  const began = world.spec.from?.claim === undefined || world.claim === undefined ? undefined : contentOf(world.claim)
  if (began !== undefined) draft.status.inputs ??= [{ ref: began.ref, version: began.version, digest: began.digest }]
  draft.status.releasedAt = isoTime(world.now)
  enter(world, draft, 'Finalizing', message)
  say(world, draft, { type: 'Finalized', status: 'False', reason: 'Finalizing', message })
}

/** Uncommitted → Finalizing, when a person decides so and its volume still holds what it held. */
export const reconsider: Step = (world, draft) => {
  if (draft.status.phase !== 'Uncommitted') return undefined
  const open = world.claim?.metadata.annotations?.[annotations.openVersion]
  if (open !== undefined && open !== world.version.metadata.name) {
    stalled(world, draft, 'Superseded', `Its volume was written to again, as ${open}: commit that one instead.`)
    return 'stop'
  }
  const users = draft.status.users ?? []
  const said = verdict(world, users)
  const failure = draft.status.lastFailure
  // What an attempt found wrong is not undone by having asked for the commit.
  const refused =
    failure?.op === 'Finalize' && !(failure.reason === 'EmptyOutput' && world.datasetSpec?.outputs?.allowEmpty === true)
  if (said !== 'commit' || refused) return 'stop'
  const active = activeWriters({ claim: claimNameOf(world), pods: world.pods })
  if (active.length > 0) {
    stalled(world, draft, 'WritersActive', `Commits when pod ${active[0]?.metadata.name} has ended.`)
    return 'stop'
  }
  draft.plan.live = true
  delete draft.status.lastFailure
  startFinalizing(world, draft)
  return 'stop'
}

/** Finalizing → Running: a pod mounts the claim before the record is there. */
export const stopForWriters: Step = (world, draft) => {
  if (draft.status.phase !== 'Finalizing' || ignoresWriters(world)) return undefined
  const [active] = activeWriters({ claim: claimNameOf(world), pods: world.pods })
  if (active === undefined) return undefined
  if (attempt(attemptInput(world, 'Finalize', draft.status)).state === 'done') return undefined
  const message = `Pod ${active.metadata.name} mounts the claim again: nothing is committed until it has ended.`
  draft.plan.live = true
  say(world, draft, { type: 'Finalized', status: 'False', reason: 'WritersActive', message })
  if (stopMovers(world, draft)) return 'stop'
  draft.status.attempt = (draft.status.attempt ?? 1) + 1
  for (const field of ['nextRetryAt', 'lastFailure', 'progress', 'releasedAt'] as const) delete draft.status[field]
  enter(world, draft, 'Running', message)
  describeUse(world, draft)
  lookAgainIn(draft, 0)
  return 'stop'
}

/** Dropped by name: the annotation carries the version's uid. What is in the store already stays. */
export const abandon: Step = (world, draft) => {
  const { annotations: said, uid } = world.version.metadata
  if (said?.[annotations.abandon] === undefined || said[annotations.abandon] !== uid) return undefined
  if (attempt(attemptInput(world, 'Finalize', draft.status)).state === 'done') return undefined
  draft.plan.live = true
  if (stopMovers(world, draft)) return 'stop'
  const message = 'A person dropped it.'
  enter(world, draft, 'Abandoned', message)
  say(world, draft, { type: 'Committed', status: 'False', reason: 'Abandoned', message })
  resting(world, draft, 'Abandoned', message)
  return 'stop'
}
