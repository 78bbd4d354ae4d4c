import type { MoveSpec, Operation } from '../../../api/move.ts'
import type { MoveDone } from '../../../api/move-result.ts'
import { formatBytes } from '../../../api/quantity.ts'
import { isTerminal, type ReasonName, reasons } from '../../../api/reasons.ts'
import {
  type Attempt,
  type AttemptInput,
  attempt,
  jobRef,
  parseProgress,
  staleJobs,
  type WaitReason,
} from '../../../desired/attempt.ts'
import { identity, type MoverAccess } from '../../../desired/location.ts'
import { type MoverJobInput, moverJob, onNode } from '../../../desired/mover-job.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainIn, reconciling, stalled } from './draft.ts'

/** How often the progress of a running mover is read, ms. */
const progressMs = 3_000
/** A mover waits for something that nobody tells us of: look again, ms. */
const pollMs = 10_000
const sweepPollMs = 2_000
const sweepPatienceMs = 600_000

/** What the status keeps of an operation between its attempts. */
export interface Book {
  attempt?: number | undefined
  /** How many attempts failed in a row, where that is not `attempt - 1`. */
  failures?: number | undefined
  nextRetryAt?: string | undefined
}

export interface Move {
  spec: MoveSpec
  locations: MoverAccess[]
  data?: MoverJobInput['data']
  runAs?: MoverJobInput['runAs']
  /** The only node on which it can reach the volume. */
  node?: string
}

/** The attempt of an operation, as `attempt` of src/desired takes it. All of a version's operations come one after the other. */
export const attemptInput = (world: World, op: Operation, book: Book): AttemptInput => ({
  op,
  ownerUid: world.version.metadata.uid ?? '',
  attempt: book.attempt ?? 1,
  ...(book.failures === undefined ? {} : { failures: book.failures }),
  notBefore: book.nextRetryAt === undefined ? undefined : Date.parse(book.nextRetryAt),
  jobs: world.jobs,
  pods: world.movers,
  events: world.events,
  now: world.now,
})

const waitReasons: Record<WaitReason, ReasonName> = {
  Backoff: 'Retrying',
  PreviousAttempt: 'Moving',
  Starting: 'MoverStarting',
  MoversLimited: 'MoversLimited',
  QuotaExceeded: 'QuotaExceeded',
  PodRefused: 'PodRefused',
  NodeLost: 'NodeLost',
}

const showProgress = (world: World, draft: Draft): void => {
  const moved = parseProgress(world.lastLine)
  if (moved === undefined) return
  const { filesDone, filesTotal, bytesTotal, bytesPerSecond } = moved
  // What is sent a second time counts twice.
  const bytesDone = Math.min(moved.bytesDone, bytesTotal ?? Number.POSITIVE_INFINITY)
  const left = bytesTotal === undefined || bytesPerSecond <= 0 ? undefined : (bytesTotal - bytesDone) / bytesPerSecond
  const percent = bytesTotal === undefined || bytesTotal === 0 ? '' : `${Math.floor((100 * bytesDone) / bytesTotal)}%, `
  const of = bytesTotal === undefined ? '' : ` of ${formatBytes(bytesTotal)}`
  draft.status.progress = {
    filesDone,
    ...(filesTotal === undefined ? {} : { filesTotal }),
    bytesDone: Math.floor(bytesDone),
    ...(bytesTotal === undefined ? {} : { bytesTotal: Math.floor(bytesTotal) }),
    bytesPerSecond: Math.floor(bytesPerSecond),
    ...(left === undefined ? {} : { etaSeconds: Math.max(0, Math.ceil(left)) }),
    summary: `${percent}${formatBytes(bytesDone)}${of}`,
  }
}

const settingsOf = ({ datasetSpec }: World, { node }: Move): Pick<MoverJobInput, 'settings'> => {
  if (node !== undefined) return { settings: onNode(datasetSpec?.mover, node) }
  return datasetSpec?.mover === undefined ? {} : { settings: datasetSpec.mover }
}

const start = (world: World, draft: Draft, move: Move, number: number): void => {
  draft.plan.create.push(
    moverJob({
      spec: move.spec,
      attempt: number,
      namespace: world.version.metadata.namespace ?? '',
      owner: world.version,
      dataset: world.spec.dataset,
      ...(world.version.status?.version === undefined ? {} : { version: world.version.status.version }),
      locations: move.locations,
      ...(move.data === undefined ? {} : { data: move.data }),
      ...(move.runAs === undefined ? {} : { runAs: move.runAs }),
      ...settingsOf(world, move),
      config: world.config,
    }),
  )
}

/** While manifests that nothing refers to are removed, nobody writes any. One that does not come to an end holds up nobody for long. */
const waitsForSweep = ({ dataset, now }: World, op: Operation): boolean => {
  const { startedAt, finishedAt, quiet } = dataset?.status?.lastSweep ?? {}
  if (op !== 'Import' && op !== 'Finalize' && op !== 'Materialize') return false
  return quiet === true && finishedAt === undefined && now - Date.parse(startedAt ?? '') < sweepPatienceMs
}

/** Looks at one move of this version and has its Job made when it is time; says in the conditions what it is at, its end excepted. */
export const follow = (world: World, draft: Draft, move: Move, book: Book): Attempt | undefined => {
  const runsAs = identity(move.locations)
  if ('reason' in runsAs) {
    stalled(world, draft, runsAs.reason, runsAs.message)
    return undefined
  }
  const input = attemptInput(world, move.spec.op, book)
  draft.plan.delete.push(...staleJobs(input))
  const now = attempt(input)
  if (now.state === 'create' && waitsForSweep(world, move.spec.op)) {
    reconciling(world, draft, 'Sweeping', `Waits until the store of ${world.spec.dataset} is cleaned up.`)
    lookAgainIn(draft, sweepPollMs)
    return { state: 'waiting', reason: 'Backoff', message: '' }
  }
  if (now.state === 'create') {
    // No pod of the last attempt may be left, and nobody may write: not from a cache.
    draft.plan.live = true
    start(world, draft, move, input.attempt)
    reconciling(world, draft, 'MoverStarting', `Starts attempt ${input.attempt} of ${move.spec.op}.`)
  }
  // How far a mover was that runs no more helps nobody.
  if (now.state !== 'running') delete draft.status.progress
  if (now.state === 'running') {
    showProgress(world, draft)
    reconciling(world, draft, 'Moving', `${move.spec.op}: pod ${now.pod} is at work.`)
    lookAgainIn(draft, progressMs)
  }
  if (now.state === 'waiting') {
    // While the next attempt waits for its time, what failed is what people want to read.
    if (now.reason !== 'Backoff' && now.reason !== 'PreviousAttempt')
      reconciling(world, draft, waitReasons[now.reason], now.message)
    lookAgainIn(draft, now.retryIn ?? pollMs)
  }
  return now
}

type Failed = Extract<Attempt, { state: 'failed' }>

/** The reason as the table has it. */
export const reasonOf = ({ reason }: Failed): ReasonName => (reason in reasons ? reason : 'MoverFailed')

/** The sentence with the names that it is about. */
export const sentenceOf = ({ message, names }: Failed): string =>
  names === undefined || names.length === 0 ? message : `${message} (${names.join(', ')})`

/** Notes a failure; the next attempt has the next number and comes after a pause. */
export const retryLater = (draft: Draft, book: Book, failure: Failed): void => {
  book.attempt = (book.attempt ?? 1) + 1
  book.nextRetryAt = isoTime(failure.retryAt + 999)
  lookAgainIn(draft, pollMs)
}

/** Whether another attempt could end otherwise without anybody changing something. */
export const healsByItself = (failure: Failed): boolean => !isTerminal(failure.reason)

export const noteFailure = (world: World, draft: Draft, op: Operation, failure: Failed): void => {
  draft.status.lastFailure = { op, reason: failure.reason, message: sentenceOf(failure), at: isoTime(world.now) }
}

/** Stops whatever moves for this version; true while something is left of it. */
export const stopMovers = (world: World, draft: Draft): boolean => {
  const jobs = world.jobs.flatMap(jobRef)
  if (jobs.length > 0) draft.plan.live = true
  draft.plan.delete.push(...jobs)
  const left = world.jobs.length > 0 || world.movers.length > 0
  if (left) lookAgainIn(draft, pollMs)
  return left
}

/** What an operation left, narrowed. */
export const resultOf = <Op extends MoveDone['op']>(
  now: Attempt | undefined,
  op: Op,
): Extract<MoveDone, { op: Op }> | undefined =>
  now?.state === 'done' && now.result.op === op ? (now.result as Extract<MoveDone, { op: Op }>) : undefined
