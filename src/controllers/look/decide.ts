import type { Ref } from '../../api/meta.ts'
import { annotations } from '../../api/names.ts'
import { attempt, jobRef } from '../../desired/attempt.ts'
import { annotate, sameObject } from '../../desired/json-patch.ts'
import { entriesOf, lookInput, refusalNote } from '../../desired/look.ts'
import { isTrue, type JobObject } from '../../desired/objects.ts'
import type { KubeObject, Plan } from '../../kube/types.ts'
import { batchJob, groupOf } from './decide/batch.ts'
import { type Want, wantsOf } from './decide/wants.ts'
import type { World } from './world.ts'

/** While one Job of a group looks, others gather for the next one; no longer than this, ms. */
const gatherMs = 10_000

const idOf = ({ uid, attempt: number }: { uid: string; attempt: number }): string => `${uid} ${number}`

const hasEnded = (job: JobObject): boolean => isTrue(job, 'Complete') || isTrue(job, 'Failed')

/** Jobs for which nobody waits any more: each has read its answer, or wants another look, or is gone. */
const done = (world: World, wants: readonly Want[]): Ref[] => {
  const wanted = new Set(wants.map(({ entry }) => idOf(entry)))
  return world.jobs.filter((job) => !entriesOf(job).some((entry) => wanted.has(idOf(entry)))).flatMap(jobRef)
}

/** Notes on the Jobs why they have no pod, for all who wait for them, and takes back what is no longer so. */
const notes = (world: World): { patch: NonNullable<Plan['patch']>; again: number | undefined } => {
  const patch: NonNullable<Plan['patch']> = []
  let again: number | undefined
  for (const job of world.jobs) {
    const now = attempt(lookInput(job, world.pods, world.now, world.events))
    if (now.state === 'waiting' && now.retryIn !== undefined) again = Math.min(again ?? now.retryIn, now.retryIn)
    const ops = annotate(job, { [annotations.waiting]: refusalNote(now) })
    const [ref] = jobRef(job)
    if (ops.length > 0 && ref !== undefined) patch.push({ ref, ops: [sameObject(job), ...ops] })
  }
  return { patch, again }
}

const groupsOf = (wants: readonly Want[]): [Want, ...Want[]][] => {
  const groups = new Map<string, [Want, ...Want[]]>()
  for (const want of wants) {
    const group = groups.get(groupOf(want))
    if (group === undefined) groups.set(groupOf(want), [want])
    else group.push(want)
  }
  return [...groups.values()]
}

/** Makes one Job for all looks that one pod can do; those of a group that has one at work wait a little for more to come. */
const begin = (world: World, wants: readonly Want[]): { create: KubeObject[]; again: number | undefined } => {
  const byId = new Map(wants.map((want) => [idOf(want.entry), want]))
  const living = world.jobs.filter((job) => !hasEnded(job))
  const inJobs = new Set(world.jobs.flatMap((job) => entriesOf(job).map(idOf)))
  const busy = new Set(
    living.flatMap(entriesOf).flatMap((entry) => {
      const want = byId.get(idOf(entry))
      return want === undefined ? [] : groupOf(want)
    }),
  )
  const create: KubeObject[] = []
  let again: number | undefined
  for (const group of groupsOf(wants.filter(({ entry }) => !inJobs.has(idOf(entry))))) {
    const left = group[0].since + gatherMs - world.now
    if (busy.has(groupOf(group[0])) && left > 0) again = Math.min(again ?? left, left)
    else create.push(batchJob(world, group))
  }
  return { create, again }
}

/** Milliseconds until Jobs are made in a round of their own, if no event brings it earlier. */
const afterwards = 1_000

/**
 * The plan for one namespace: Jobs for what wants to be looked at, and the end of those whose answers were read. Who waits for an answer notes it himself, so
 * nothing is written down here but on the Jobs.
 */
export const decide = (world: World): Plan => {
  const wants = wantsOf(world)
  const { create, again } = begin(world, wants)
  const { patch, again: later } = notes(world)
  const gone = done(world, wants)
  // What a policy refuses to be made must not keep the rest from being cleared up: that comes first, alone.
  const first = patch.length + gone.length > 0
  const after = Math.min(
    again ?? Number.POSITIVE_INFINITY,
    later ?? Number.POSITIVE_INFINITY,
    first && create.length > 0 ? afterwards : Number.POSITIVE_INFINITY,
  )
  return {
    ...(first ? { patch, delete: gone } : { create }),
    ...(Number.isFinite(after) ? { requeueAfter: after } : {}),
  }
}
