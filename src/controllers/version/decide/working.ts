import { annotations, parseVersionTag } from '../../../api/names.ts'
import { readRescued } from '../../../desired/rescue.ts'
import { hasRun, isWriter, writingContainer } from '../pods.ts'
import { activeWriters, endedWell, knownUsers, usersOf } from '../users.ts'
import type { World } from '../world.ts'
import { claimNameOf, contentOf, hasForeignClaim, isOwnClaim, workingClaim } from './claims.ts'
import { type Draft, enter, isoTime, lookAgainIn, reconciling, resting, type Step, say } from './draft.ts'
import { committedOf } from './places.ts'
import { isDetached } from './workspace.ts'

/** Ends of writers that no cache holds (StatefulSets, TaskRuns, …) are asked for this often, ms. */
const pollMs = 5_000
/** The API's bound on the list of users. */
const maxUsers = 64

const isBound = ({ claim, rescue }: World): boolean =>
  claim?.status?.phase === 'Bound' || rescue?.status?.phase === 'Bound'

/** A claim that is not there: made, waited for, or lost. */
const withoutClaim = (world: World, draft: Draft): 'stop' => {
  const name = claimNameOf(world)
  const isUsed = draft.status.firstUsedAt !== undefined
  if (!isUsed && world.version.metadata.annotations?.[annotations.claimUid] !== undefined) {
    draft.plan.live = true
    abandonUnused(world, draft)
  } else if (isUsed || hasForeignClaim(world)) {
    const way = isUsed
      ? `abandon this version: annotate it with ${annotations.abandon}: ${world.version.metadata.uid}`
      : 'make it'
    reconciling(world, draft, 'ClaimNotFound', `There is no claim ${name}: ${way}.`)
  } else {
    draft.plan.create.push(workingClaim(world))
    enter(world, draft, 'Initializing', `Makes the claim ${name} to write in.`)
    reconciling(world, draft, 'Initializing', `Claim ${name} is being made and filled.`)
  }
  return 'stop'
}

/** Its claim went before anything was written: there is nothing to commit. */
export const abandonUnused = (world: World, draft: Draft): void => {
  const message = `Claim ${claimNameOf(world)} went before anybody wrote to it.`
  enter(world, draft, 'Abandoned', message)
  say(world, draft, { type: 'Committed', status: 'False', reason: 'Abandoned', message })
  resting(world, draft, 'Abandoned', message)
}

/**
 * What the working volume starts with. A claim that outlives its commit starts with that version, whatever it was filled with at first: its
 * opening names the number.
 */
const baseOf = ({ claim, spec, siblings }: World): Draft['status']['base'] => {
  if (spec.from !== undefined) return undefined
  const sequence = parseVersionTag(spec.base ?? '')
  const named = siblings.flatMap((version) => committedOf(version) ?? []).find((one) => one.sequence === sequence)
  if (named !== undefined) return named
  const filled = claim === undefined ? undefined : contentOf(claim)
  return filled?.content === undefined ? undefined : { ...filled.content, digest: filled.digest }
}

/** The claim to write in: made for a person's version, and waited for until it has its volume. */
export const prepareClaim: Step = (world, draft) => {
  const { claim, rescue } = world
  draft.status.claimName = rescue?.status?.phase === 'Bound' ? rescue.metadata.name : claimNameOf(world)
  // Its bytes are on a copy: the claim itself may go.
  if (isDetached(world)) return undefined
  if (claim === undefined && rescue === undefined) return withoutClaim(world, draft)
  if (claim !== undefined && !hasForeignClaim(world) && !isOwnClaim(world, claim)) {
    reconciling(
      world,
      draft,
      'NameTaken',
      `Claim ${claim.metadata.name} exists and was not made for this version: rename or delete it.`,
    )
    return 'stop'
  }
  draft.status.base ??= baseOf(world)
  if (draft.status.base === undefined) delete draft.status.base
  if (isBound(world)) return undefined
  if (claim?.metadata.deletionTimestamp !== undefined) return undefined
  enter(world, draft, 'Initializing', `Claim ${claimNameOf(world)} is being made and filled.`)
  const why = claim?.metadata.annotations?.[annotations.waiting]
  reconciling(
    world,
    draft,
    'VolumePending',
    `Claim ${claimNameOf(world)} has no volume yet${why === undefined ? '.' : `: ${why}`}`,
  )
  return 'stop'
}

const noteWriter = (world: World, draft: Draft): void => {
  const claim = claimNameOf(world)
  // Bytes that were rescued come with a word on who wrote them.
  if (draft.status.writer === undefined && world.claim !== undefined) {
    const writer = readRescued(world.claim)?.writer
    if (writer !== undefined) draft.status.writer = writer
  }
  const pod = world.pods.filter((one) => isWriter(one, claim)).at(-1)
  const container = pod === undefined ? undefined : writingContainer(pod, claim)
  if (pod === undefined || container === undefined) return
  const own = container.securityContext
  const shared = pod.spec?.securityContext
  const runAsUser = own?.runAsUser ?? shared?.runAsUser
  const runAsGroup = own?.runAsGroup ?? shared?.runAsGroup
  draft.status.writer = {
    ...(runAsUser === undefined ? {} : { runAsUser }),
    ...(runAsGroup === undefined ? {} : { runAsGroup }),
    ...(shared?.fsGroup === undefined ? {} : { fsGroup: shared.fsGroup }),
    ...(shared?.supplementalGroups === undefined ? {} : { supplementalGroups: shared.supplementalGroups }),
  }
}

const noteInputs = (world: World, draft: Draft): void => {
  const known = draft.status.inputs ?? []
  const read = world.inputs.flatMap((claim) => {
    const content = contentOf(claim)
    return content === undefined ? [] : [{ ref: content.ref, version: content.version, digest: content.digest }]
  })
  const all = [...known, ...read]
  const inputs = all.filter(
    (one, i) => all.findIndex((other) => other.ref === one.ref && other.version === one.version) === i,
  )
  if (inputs.length > 0) draft.status.inputs = inputs.slice(0, 64)
}

/** Who writes, as whom, and from what: noted while it can be seen. */
export const noteUsers: Step = (world, draft) => {
  const claim = claimNameOf(world)
  const before = knownUsers(world.version, claim, world.pods)
  const users = usersOf({ claim, before, pods: world.pods, owners: world.owners })
  // Somebody whose end is settled may be forgotten, nobody else.
  const surplus = users.filter(endedWell).slice(0, Math.max(0, users.length - maxUsers))
  const kept = users.filter((user) => !surplus.includes(user))
  if (kept.length > 0) draft.status.users = kept
  noteWriter(world, draft)
  if (world.spec.from !== undefined) return undefined
  if (world.pods.some((pod) => isWriter(pod, claim) && hasRun(pod))) draft.status.firstUsedAt ??= isoTime(world.now)
  noteInputs(world, draft)
  if (kept.some(({ kind, outcome }) => outcome === 'Running' && kind !== 'Pod' && kind !== 'Job'))
    lookAgainIn(draft, pollMs)
  return undefined
}

/** The volume is there: from now on it is the users' turn. */
export const run: Step = (world, draft) => {
  const { phase } = draft.status
  if (phase !== undefined && phase !== 'Pending' && phase !== 'Initializing') return undefined
  draft.status.initializedAt ??= isoTime(world.now)
  const message = `Claim ${claimNameOf(world)} is ready to be written to.`
  enter(world, draft, 'Running', message)
  say(world, draft, { type: 'Initialized', status: 'True', reason: 'Running', message })
  say(world, draft, { type: 'Finalized', status: 'False', reason: 'Running', message })
  resting(world, draft, 'Running', message)
  return undefined
}

/** What is said while people write. */
export const describeUse = (world: World, draft: Draft): void => {
  const claim = claimNameOf(world)
  const active = activeWriters({ claim, pods: world.pods })
  const unfinished = (draft.status.users ?? []).find((user) => user.outcome === 'Running')
  const message =
    active[0] !== undefined
      ? `Pod ${active[0].metadata.name} can write to claim ${claim}.`
      : unfinished !== undefined
        ? `Waits until ${unfinished.kind} ${unfinished.name} has finished: it may start another pod.`
        : `Claim ${claim} is ready to be written to.`
  resting(world, draft, 'Running', message)
}
