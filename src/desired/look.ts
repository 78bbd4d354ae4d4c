import type { KubeObject } from '../api/meta.ts'
import { annotations } from '../api/names.ts'
import { type Attempt, type AttemptInput, attempt, type WaitReason } from './attempt.ts'
import type { EventObject, JobObject, PodObject } from './objects.ts'

/**
 * Looks are Scans and Probes: short moves that one Job makes for many objects of a namespace. An object that wants one says so in its status, with the number of
 * the attempt; the Job says in an annotation for whom it is, and each of them reads the answer for itself.
 */
export interface LookEntry {
  kind: 'Dataset' | 'StorageProvider'
  name: string
  uid: string
  attempt: number
}

export const writeEntries = (entries: readonly LookEntry[]): string =>
  JSON.stringify(entries.map(({ kind, name, uid, attempt: number }) => [kind, name, uid, number]))

/** For whom a Job looks, in the order of its spec; none if it is another kind of Job. */
export const entriesOf = ({ metadata }: KubeObject): LookEntry[] => {
  const text = metadata.annotations?.[annotations.looks]
  if (text === undefined) return []
  try {
    const entries = JSON.parse(text) as [LookEntry['kind'], string, string, number][]
    return entries.map(([kind, name, uid, number]) => ({ kind, name, uid, attempt: number }))
  } catch {
    return []
  }
}

/** The Job as `attempt` takes it: named after its first entry, and never tried again. Who still wants an answer is in a later one. */
export const lookInput = (
  job: JobObject,
  pods: readonly PodObject[],
  now: number,
  events: readonly EventObject[] = [],
): AttemptInput => {
  const [first] = entriesOf(job)
  return {
    op: first?.kind === 'StorageProvider' ? 'Probe' : 'Scan',
    ownerUid: first?.uid ?? '',
    attempt: first?.attempt ?? 1,
    jobs: [job],
    pods,
    events,
    now,
  }
}

/** What is noted on a Job whose pods are refused: found out once, by whoever makes these Jobs, and read by all for whom it looks. */
export const refusalNote = (now: Attempt): string | undefined =>
  now.state === 'waiting' && (now.reason === 'QuotaExceeded' || now.reason === 'PodRefused')
    ? `${now.reason}: ${now.message}`
    : undefined

const refusalOf = ({ metadata }: JobObject): { reason: WaitReason; message: string } | undefined => {
  const note = metadata.annotations?.[annotations.waiting] ?? ''
  const [, reason, message = ''] = /^(QuotaExceeded|PodRefused): (.*)$/s.exec(note) ?? []
  return reason === undefined ? undefined : { reason: reason as WaitReason, message }
}

export interface Looking {
  uid: string
  /** The attempt that is under way. */
  attempt: number
  /** Jobs that look for this object, and the pods of movers. */
  jobs: readonly JobObject[]
  pods: readonly PodObject[]
  now: number
}

export interface LookState {
  now: Attempt
  /** Place of the object in the result. */
  index: number
  /** Seconds that the mover ran; undefined while it runs. */
  took?: number | undefined
}

const tookOf = (job: JobObject, pods: readonly PodObject[]): number | undefined => {
  const pod = pods.find(({ metadata }) => metadata.ownerReferences?.some(({ uid }) => uid === job.metadata.uid))
  const end = pod?.status?.containerStatuses?.[0]?.state?.terminated
  const ms = Date.parse(end?.finishedAt ?? '') - Date.parse(end?.startedAt ?? '')
  return Number.isNaN(ms) ? undefined : ms / 1000
}

/** How the look that an object wants is doing. undefined: no Job has it yet. */
export const lookFor = (looking: Looking): LookState | undefined => {
  for (const job of looking.jobs) {
    const index = entriesOf(job).findIndex(
      ({ uid, attempt: number }) => uid === looking.uid && number === looking.attempt,
    )
    if (index < 0) continue
    const now = attempt(lookInput(job, looking.pods, looking.now))
    const said = now.state === 'waiting' && now.reason === 'Starting' ? { ...now, ...refusalOf(job) } : now
    return { now: said, index, took: tookOf(job, looking.pods) }
  }
  return undefined
}
