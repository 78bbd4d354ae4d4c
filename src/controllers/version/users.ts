import type { DatasetVersion } from '../../api/dataset-version.ts'
import type { KubeObject } from '../../api/meta.ts'
import { annotations } from '../../api/names.ts'
import { isTrue, type PodObject } from '../../desired/objects.ts'
import { failedByItself, hasEnded, hasRun, isWriter } from './pods.ts'
import type { Writer } from './writer.ts'
import { isService, stateOf, writerOf } from './writers.ts'

export type User = NonNullable<NonNullable<DatasetVersion['status']>['users']>[number]
type Outcome = User['outcome']

interface Seen {
  /** The claim's name. */
  claim: string
  /** Users as the status has them. */
  before: readonly User[]
  /** Pods that mount the claim. */
  pods: readonly PodObject[]
  owners: readonly KubeObject[]
}

/** Pods that write to the claim now, or will: each holds the version open. */
export const activeWriters = ({ claim, pods }: Pick<Seen, 'claim' | 'pods'>): PodObject[] =>
  pods.filter((pod) => !hasEnded(pod) && isWriter(pod, claim))

/**
 * A pod that nothing starts again. One that is stopped or deleted without a failed container counts as success (Deleted), so that is
 * noted while it can be seen; one that was evicted or preempted was interrupted.
 */
const podOutcome = (pod: PodObject | undefined, before: Outcome | undefined): Outcome => {
  if (pod === undefined) return before === undefined || before === 'Running' ? 'Unknown' : before
  if (pod.status?.phase === 'Succeeded') return 'Succeeded'
  if (failedByItself(pod) || isTrue(pod, 'DisruptionTarget')) return 'Failed'
  if (pod.metadata.deletionTimestamp === undefined && pod.status?.phase !== 'Failed') return 'Running'
  // It was seen to fail before it was stopped: that its container can't be asked any more doesn't make it better.
  return before === 'Failed' ? 'Failed' : 'Deleted'
}

/** Services end well when they are scaled to 0 or deleted, unless their last pods were failing. */
const serviceOutcome = (writer: Writer, seen: Seen, pods: PodObject[], before: Outcome | undefined): Outcome => {
  const state = stateOf(writer, seen.owners)
  if (state === 'Running') return 'Running'
  if (pods.some(failedByItself) || (pods.length === 0 && before === 'Failed')) return 'Failed'
  return state === 'Stopped' ? 'Succeeded' : 'Deleted'
}

const outcomeOf = (writer: Writer, seen: Seen, pods: PodObject[], before: Outcome | undefined): Outcome => {
  if (writer.kind === 'Pod') return podOutcome(pods[0], before)
  if (isService(writer.kind)) return serviceOutcome(writer, seen, pods, before)
  const state = stateOf(writer, seen.owners)
  if (state !== 'Gone') return state === 'Stopped' ? 'Succeeded' : state
  if (before === undefined) return 'Unknown'
  return before === 'Running' ? 'Deleted' : before
}

/** Who has written so far, in the order in which they came, and how each ended. */
export const usersOf = (seen: Seen): User[] => {
  const used = seen.pods.filter((pod) => isWriter(pod, seen.claim) && hasRun(pod))
  const podsOf = new Map<string, PodObject[]>()
  const writers = new Map<string, Writer>(seen.before.map(({ kind, name, uid }) => [uid, { kind, name, uid }]))
  for (const pod of used) {
    const writer = writerOf(pod, seen.owners)
    writers.set(writer.uid, writer)
    podsOf.set(writer.uid, [...(podsOf.get(writer.uid) ?? []), pod])
  }
  return [...writers.values()].map((writer) => {
    const before = seen.before.find((user) => user.uid === writer.uid)?.outcome
    return { ...writer, outcome: outcomeOf(writer, seen, podsOf.get(writer.uid) ?? [], before) }
  })
}

/** The writer for which the version was opened again, if it was: it may have come and gone while nobody looked. */
export const openedFor = ({ metadata }: DatasetVersion): User | undefined => {
  const text = metadata.annotations?.[annotations.openedFor]
  if (text === undefined) return undefined
  try {
    const { kind, name, uid } = JSON.parse(text) as Writer
    return [kind, name, uid].every((one) => typeof one === 'string')
      ? { kind, name, uid, outcome: 'Running' }
      : undefined
  } catch {
    return undefined
  }
}

/** Who is known to have written: noted before, or, where nobody was and nobody is there, the one for whom it was opened again. */
export const knownUsers = (version: DatasetVersion, claim: string, pods: readonly PodObject[]): User[] => {
  const noted = version.status?.users ?? []
  const opener = noted.length === 0 && activeWriters({ claim, pods }).length === 0 ? openedFor(version) : undefined
  return opener === undefined ? noted : [opener]
}

/** Nobody writes any more, and nobody will: every writer is finished for good, and its pods are gone or have ended. */
export const isReleased = (users: readonly User[], active: readonly PodObject[]): boolean =>
  users.length > 0 && active.length === 0 && users.every((user) => user.outcome !== 'Running')

/** Whether the user's end is one that OnSuccess commits. */
export const endedWell = ({ kind, outcome }: User): boolean =>
  outcome === 'Succeeded' || (outcome === 'Deleted' && (kind === 'Pod' || isService(kind)))
