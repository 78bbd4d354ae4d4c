import { parseDuration } from '../../../api/duration.ts'
import type { MoveDone } from '../../../api/move-result.ts'
import { annotations } from '../../../api/names.ts'
import { formatBytes } from '../../../api/quantity.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import { type Attempt, jobRef } from '../../../desired/attempt.ts'
import { attemptOf } from '../../../desired/labels.ts'
import type { MoverAccess } from '../../../desired/location.ts'
import { activeWriters } from '../users.ts'
import type { OwnStatus, World } from '../world.ts'
import { claimNameOf } from './claims.ts'
import { type Draft, isoTime, lookAgainIn, say, tell } from './draft.ts'
import { storedDataset } from './intent.ts'
import { type Move, reasonOf, resultOf, retryLater, sentenceOf, stopMovers } from './move.ts'
import { storePlace } from './places.ts'
import { referredTo, runAsOf } from './reading.ts'
import { followAside } from './verify.ts'

type State = NonNullable<OwnStatus['checkpoint']>
type Saved = Extract<MoveDone, { op: 'Checkpoint' }>

/** Whether the volume is being saved while it is written to. */
export const isCheckpointing = (status: OwnStatus | undefined): boolean =>
  status?.phase === 'Running' && status.checkpoint?.startedAt !== undefined

const requestOf = ({ version }: World): string | undefined =>
  version.metadata.annotations?.[annotations.checkpointRequestedAt]?.slice(0, 256)

/** When the next one is due, ms since 1970; undefined: on request. */
const dueAt = (world: World, { finishedAt, request }: State): number | undefined => {
  const asked = requestOf(world)
  if (asked !== undefined && asked !== request) return world.now
  const text = world.spec.checkpoint?.interval ?? world.datasetSpec?.outputs?.checkpoint?.interval
  const interval = text === undefined ? undefined : parseDuration(text)
  const since = finishedAt ?? world.version.status?.firstUsedAt
  return interval === undefined || since === undefined ? undefined : Date.parse(since) + Math.max(interval, 1000)
}

/** Where the volume can be read beside its writer. `node`: only there. undefined: nobody writes, so there is nothing that could be read beside it. */
const placeOf = (world: World): { node?: string } | { problem: string } | undefined => {
  const claim = claimNameOf(world)
  const writer = activeWriters({ claim, pods: world.pods }).find(
    (pod) => pod.status?.phase === 'Running' && pod.metadata.deletionTimestamp === undefined,
  )
  const modes = world.claim?.spec?.accessModes ?? []
  if (modes.includes('ReadWriteOncePod'))
    return {
      problem: `Claim ${claim} is ReadWriteOncePod, so no mover can read it beside its writer: use ReadWriteOnce.`,
    }
  if (writer?.spec?.nodeName === undefined || world.claim?.metadata.deletionTimestamp !== undefined) return undefined
  return modes.includes('ReadWriteMany') ? {} : { node: writer.spec.nodeName }
}

const sayBad = (world: World, draft: Draft, reason: ReasonName, message: string): void => {
  say(world, draft, { type: 'Checkpointed', status: 'False', reason, message })
}

const settle = (
  world: World,
  draft: Draft,
  state: State,
  { files, bytes, uploaded, left, names = [] }: Saved,
): void => {
  const { startedAt, request, attempt = 1 } = state
  draft.status.checkpoint = {
    attempt: attempt + 1,
    finishedAt: isoTime(world.now),
    ...(request === undefined ? {} : { request }),
    files,
    bytes,
    uploaded,
    left,
  }
  if (startedAt !== undefined) draft.status.lastCheckpointAt = startedAt
  delete draft.status.progress
  const rest =
    left === 0 ? '' : ` ${left} were being written, or can not be in a version, and are left: ${names.join(', ')}.`
  const message = `Saved ${files} files, ${formatBytes(bytes)}, of which ${formatBytes(uploaded)} were uploaded.${rest}`
  say(world, draft, { type: 'Checkpointed', status: 'True', reason: 'Checkpointed', message })
  tell(world, draft, 'Normal', 'Checkpointed', message)
}

/** As if it had not begun: it is asked for again. */
const putBack = (draft: Draft, state: State): void => {
  const { startedAt: _1, request: _2, nextRetryAt: _3, failures: _4, ...kept } = state
  draft.status.checkpoint = { ...kept, attempt: (state.attempt ?? 1) + 1 }
  delete draft.status.progress
}

const isOnNode = (world: World, node: string): boolean =>
  world.movers.every(({ spec }) => spec?.nodeName === undefined || spec.nodeName === node)

const moveOf = (world: World, store: MoverAccess, node: string | undefined): Move => {
  const base = referredTo(world)
  const { sequence = 0, openedAt } = world.version.status ?? {}
  const path = world.spec.from?.claim?.path
  return {
    spec: {
      op: 'Checkpoint',
      dataset: storedDataset(world),
      store: store.location,
      sequence,
      openedAt: openedAt ?? world.version.metadata.creationTimestamp ?? '',
      ...(base === undefined ? {} : { base }),
    },
    locations: [store],
    data: { claimName: claimNameOf(world), readOnly: true, ...(path === undefined ? {} : { subPath: path }) },
    runAs: runAsOf(world),
    ...(node === undefined ? {} : { node }),
  }
}

const run = (world: World, draft: Draft, state: State): void => {
  const place = placeOf(world)
  // A mover that holds the volume on a node where no writer is would keep the next one from it.
  if (place === undefined || 'problem' in place || (place.node !== undefined && !isOnNode(world, place.node))) {
    if (!stopMovers(world, draft)) putBack(draft, state)
    return
  }
  const store = storePlace(world)
  if (!('access' in store)) {
    sayBad(world, draft, store.reason, store.message)
    return
  }
  const move = moveOf(world, store.access, place.node)
  const { now, said } = followAside(world, draft, move, { ...state, failures: state.failures ?? 0 })
  const result = resultOf(now, 'Checkpoint')
  if (result !== undefined) settle(world, draft, state, result)
  else if (now?.state === 'failed') tryAgain(world, draft, state, now)
  else if (now?.state === 'running' || (now?.state === 'waiting' && state.nextRetryAt === undefined)) {
    const reason: ReasonName =
      now.state === 'running' ? 'Moving' : now.reason === 'Backoff' ? 'Retrying' : reasonFor(now.reason)
    const message = `What is written is being saved. ${said}`
    say(world, draft, { type: 'Checkpointed', status: 'Unknown', reason, message })
  }
}

const reasonFor = (reason: Exclude<Extract<Attempt, { state: 'waiting' }>['reason'], 'Backoff'>): ReasonName =>
  reason === 'Starting' || reason === 'PreviousAttempt' ? 'MoverStarting' : reason

const tryAgain = (world: World, draft: Draft, state: State, failure: Extract<Attempt, { state: 'failed' }>): void => {
  const book = { ...state }
  retryLater(draft, book, failure)
  draft.status.checkpoint = { ...book, failures: (state.failures ?? 0) + 1 }
  delete draft.status.progress
  sayBad(world, draft, reasonOf(failure), sentenceOf(failure))
}

/** Saves what is on a volume that is being written to, at its interval and on request. Committing it is another thing. */
export const checkpoint = (world: World, draft: Draft): void => {
  const state = draft.status.checkpoint ?? {}
  if (isCheckpointing(draft.status)) {
    run(world, draft, state)
    return
  }
  const { uid = '' } = world.version.metadata
  const over = world.jobs.filter(({ metadata }) => attemptOf(metadata.name, 'Checkpoint', uid) !== undefined)
  draft.plan.delete.push(...over.flatMap(jobRef))
  const due = dueAt(world, state)
  if (due === undefined) return
  if (due > world.now) {
    lookAgainIn(draft, due - world.now)
    return
  }
  const place = placeOf(world)
  if (place !== undefined && 'problem' in place) sayBad(world, draft, 'Unsupported', place.problem)
  else if (place !== undefined) {
    const request = requestOf(world) ?? state.request
    draft.status.checkpoint = {
      ...state,
      attempt: state.attempt ?? 1,
      startedAt: isoTime(world.now),
      ...(request === undefined ? {} : { request }),
    }
  }
}
