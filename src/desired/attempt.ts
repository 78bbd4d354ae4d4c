import { Job } from '../api/kinds.ts'
import type { Ref } from '../api/meta.ts'
import type { Operation } from '../api/move.ts'
import type { MoveDone, MoveProgress } from '../api/move-result.ts'
import { attemptOf } from './labels.ts'
import { type FailureReason, failureOf, readResult } from './mover-result.ts'
import type { EventObject, JobObject, PodObject } from './objects.ts'
import { isTrue } from './objects.ts'

/** How long a Job may be without a pod before its events are read. */
export const podGraceMs = 10_000

/** A Job that waits no longer than this for its turn is not worth a word. */
const turnGraceMs = 3_000

/**
 * One move of one owner, as its attempts look now. Owners keep two things in their status: `attempt` (from 1), and the time before which
 * the next one does not start.
 */
export interface AttemptInput {
  op: Operation
  ownerUid: string
  /** The attempt that is under way or comes next. */
  attempt: number
  /** Failures in a row before this attempt, for the pause after the next failure; default `attempt - 1`. */
  failures?: number
  /** Milliseconds since 1970; the attempt does not start before. */
  notBefore?: number | undefined
  /** Movers' Jobs and pods of this owner, of any operation and attempt. */
  jobs: readonly JobObject[]
  pods: readonly PodObject[]
  /** Events of the attempt's Job; needed only when `needsEvents` says so. */
  events?: readonly EventObject[]
  now: number
}

export type WaitReason =
  | 'Backoff'
  | 'PreviousAttempt'
  | 'Starting'
  | 'MoversLimited'
  | 'QuotaExceeded'
  | 'PodRefused'
  | 'NodeLost'

export type Attempt =
  /** Make the Job of this attempt, from a live look if `attempt` > 1. */
  | { state: 'create' }
  /** `reason` is worth a condition unless it is Starting. `retryIn`: milliseconds after which to look again. */
  | { state: 'waiting'; reason: WaitReason; message: string; retryIn?: number }
  | { state: 'running'; pod: string }
  | { state: 'done'; result: MoveDone }
  /** Write `attempt + 1` and `retryAt` into the status if it shall be tried again; the Job goes as `stale` then. */
  | { state: 'failed'; reason: FailureReason; message: string; names?: string[]; retryAt: number }

/** 1 s, doubling, to 5 minutes. */
export const retryDelay = (failures: number): number => Math.min(1000 * 2 ** Math.min(failures, 20), 300_000)

const ofJob = (input: AttemptInput): JobObject | undefined =>
  input.jobs.find((job) => attemptOf(job.metadata.name, input.op, input.ownerUid) === input.attempt)

const podsOf = (job: JobObject, pods: readonly PodObject[]): PodObject[] =>
  pods.filter((pod) => pod.metadata.ownerReferences?.some((owner) => owner.uid === job.metadata.uid))

/** Since it may run: a Job is made suspended, and let go when it is its turn. */
const ageOf = (job: JobObject, now: number): number =>
  now - Date.parse(job.status?.startTime ?? job.metadata.creationTimestamp ?? '')

const isSuspended = (job: JobObject): boolean => job.spec?.suspend === true && !finished(job)

/** The Job of the attempt whose events must be read: it should have a pod by now, and has none. */
export const needsEvents = (input: AttemptInput): JobObject | undefined => {
  const job = ofJob(input)
  const wanted =
    job !== undefined &&
    !finished(job) &&
    !isSuspended(job) &&
    podsOf(job, input.pods).length === 0 &&
    !(ageOf(job, input.now) < podGraceMs)
  return wanted ? job : undefined
}

const finished = (job: JobObject): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed')

/** Jobs of `jobs` that belong to an attempt which is over, or to another operation: to be deleted, once the status says so. */
export const staleJobs = (input: Pick<AttemptInput, 'op' | 'ownerUid' | 'attempt' | 'jobs'>): Ref[] =>
  input.jobs
    .filter((job) => (attemptOf(job.metadata.name, input.op, input.ownerUid) ?? 0) < input.attempt)
    .flatMap(jobRef)

/** What a delete of a Job names; nothing for one that goes already. */
export const jobRef = ({ metadata }: JobObject): Ref[] =>
  metadata.deletionTimestamp !== undefined
    ? []
    : [
        {
          kind: Job,
          name: metadata.name,
          ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
          ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
        },
      ]

const failed = (input: AttemptInput, failure: Omit<MoveFailedHere, 'retryAt'>): Attempt => ({
  state: 'failed',
  ...failure,
  retryAt: input.now + retryDelay(input.failures ?? input.attempt - 1),
})
type MoveFailedHere = Omit<Extract<Attempt, { state: 'failed' }>, 'state'>

const beforeCreation = (input: AttemptInput): Attempt => {
  const wait = (input.notBefore ?? 0) - input.now
  if (wait > 0)
    return {
      state: 'waiting',
      reason: 'Backoff',
      message: `Tries again in ${Math.ceil(wait / 1000)} s.`,
      retryIn: wait,
    }
  const left = input.pods[0]
  const others = input.jobs.length > 0
  if (left === undefined && !others) return { state: 'create' }
  return {
    state: 'waiting',
    reason: 'PreviousAttempt',
    message:
      left === undefined
        ? 'Waits until the Job of the last attempt is gone.'
        : `Waits until pod ${left.metadata.name} of the last attempt is gone.`,
  }
}

const withoutPod = (input: AttemptInput, job: JobObject): Attempt => {
  const left = podGraceMs - ageOf(job, input.now)
  if (left > 0) return { state: 'waiting', reason: 'Starting', message: 'The mover is starting.', retryIn: left }
  const refused = input.events?.filter((event) => event.reason === 'FailedCreate').at(-1)
  // The Job controller makes no event when it works again: look every ten seconds.
  const retryIn = podGraceMs
  if (refused === undefined)
    return { state: 'waiting', reason: 'Starting', message: `Job ${job.metadata.name} has no pod yet.`, retryIn }
  const message = refused.message ?? 'The API server refused the pod.'
  return message.includes('exceeded quota')
    ? { state: 'waiting', reason: 'QuotaExceeded', message: `Raise the ResourceQuota or wait: ${message}`, retryIn }
    : { state: 'waiting', reason: 'PodRefused', message: `The mover's pod was refused: ${message}`, retryIn }
}

const inLine = (job: JobObject, now: number): Attempt => {
  const left = turnGraceMs - ageOf(job, now)
  if (left > 0) return { state: 'waiting', reason: 'Starting', message: 'The mover is starting.', retryIn: left }
  return {
    state: 'waiting',
    reason: 'MoversLimited',
    message:
      'Waits for its turn: as many movers run as --max-movers and --max-movers-per-namespace of the operator allow.',
  }
}

const startingMessage = (pod: PodObject): string => {
  const waiting = pod.status?.containerStatuses?.find((status) => status.state?.waiting !== undefined)?.state?.waiting
  const unschedulable = pod.status?.conditions?.find(
    (condition) => condition.type === 'PodScheduled' && condition.status === 'False',
  )
  const why = unschedulable?.message ?? waiting?.message ?? waiting?.reason
  return why === undefined
    ? `Pod ${pod.metadata.name} is starting.`
    : `Pod ${pod.metadata.name} is not running yet: ${why}`
}

const withPod = (input: AttemptInput, job: JobObject, pods: PodObject[]): Attempt => {
  const result = pods.map(readResult).find((found) => found !== undefined)
  if (result !== undefined && result.outcome !== 'Failed') return { state: 'done', result }
  const ended = pods.find((pod) => pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded')
  if (ended !== undefined) return failed(input, failureOf(ended))
  // The Job's end may be seen before its pod's: a pod that is there and not being stopped still has its result to tell.
  const late = pods.find((pod) => pod.metadata.deletionTimestamp === undefined && !isTrue(pod, 'DisruptionTarget'))
  if (finished(job) && late !== undefined)
    return { state: 'waiting', reason: 'Starting', message: 'The mover has ended; its result is read.', retryIn: 1_000 }
  if (finished(job))
    return failed(input, { reason: 'NodeLost', message: 'The mover ended without its result: its pod was lost.' })
  const pod = pods[0]
  if (pod === undefined) return withoutPod(input, job)
  if (isTrue(pod, 'DisruptionTarget') || pod.metadata.deletionTimestamp !== undefined)
    return {
      state: 'waiting',
      reason: 'NodeLost',
      message: `Pod ${pod.metadata.name} on node ${pod.spec?.nodeName ?? '(none)'} is being stopped; the next attempt starts when it is gone.`,
    }
  return pod.status?.phase === 'Running'
    ? { state: 'running', pod: pod.metadata.name }
    : { state: 'waiting', reason: 'Starting', message: startingMessage(pod) }
}

/** What the attempt is at, and so what its owner does next. */
export const attempt = (input: AttemptInput): Attempt => {
  const job = ofJob(input)
  if (job === undefined) return beforeCreation(input)
  if (job.metadata.deletionTimestamp !== undefined)
    return { state: 'waiting', reason: 'PreviousAttempt', message: `Job ${job.metadata.name} is being deleted.` }
  const pods = podsOf(job, input.pods)
  return isSuspended(job) && pods.length === 0 ? inLine(job, input.now) : withPod(input, job, pods)
}

/** The progress in the last line of a mover's log; undefined if that line is none. */
export const parseProgress = (line: string | undefined): MoveProgress['progress'] | undefined => {
  if (line === undefined || !line.startsWith('{"progress"')) return undefined
  try {
    return (JSON.parse(line) as MoveProgress).progress
  } catch {
    return undefined
  }
}
