import { type DatasetVersion, DatasetVersionSpec } from '../../../api/dataset-version.ts'
import * as kinds from '../../../api/kinds.ts'
import { annotations, parseVersionTag, versionTag } from '../../../api/names.ts'
import { tagProblem } from '../../../api/ref.ts'
import type { ClaimObject, PodObject } from '../../../desired/objects.ts'
import type { World } from '../world.ts'
import { type Draft, lookAgainAt, type Step } from './draft.ts'
import { committedOf } from './history.ts'
import { numberedVersion, reserve } from './numbers.ts'
import { isOutput, outputsWanted, versionsOf, type Wanted } from './wanted.ts'

type Base = { base?: string } | { wait: true } | { problem: string }

/** What the first version of a claim starts with. */
const firstBase = (world: World, draft: Draft, claim: ClaimObject): Base => {
  const asked = claim.metadata.annotations?.[annotations.version] ?? 'latest'
  if (asked === 'none') return {}
  const [word = ''] = asked.split('@')
  if (word === 'latest') {
    const latest = draft.status.latest?.version
    if (latest) return { base: latest }
    // The first import is on its way; a Dataset without a source starts empty.
    return world.spec.source ? { wait: true } : {}
  }
  if (word === 'run')
    return { problem: 'granary.dev/version: run is not supported on claims yet: name a number or a tag.' }
  const sequence = parseVersionTag(word)
  const found =
    sequence === undefined ? draft.status.tags?.find((tag) => tag.name === word)?.version : versionTag(sequence)
  return found && committedOf(world).some((version) => versionTag(version.sequence) === found)
    ? { base: found }
    : { wait: true }
}

const baseFor = (world: World, draft: Draft, { claim, last }: Wanted): Base => {
  if (!last) return firstBase(world, draft, claim)
  const { phase, sequence } = last.status ?? {}
  if (phase === 'Committed' && sequence !== undefined) return { base: versionTag(sequence) }
  return last.spec.base === undefined ? {} : { base: last.spec.base }
}

const listOf = (text: string | undefined): string[] =>
  (text ?? '')
    .split(',')
    .map((word) => word.trim())
    .filter((word) => word !== '')

/** What the claim and `spec.outputs` say about the version, or what is wrong with it. */
const specFor = (
  world: World,
  claim: ClaimObject,
): { spec: Omit<DatasetVersion['spec'], 'dataset'> } | { problem: string } => {
  const asked = claim.metadata.annotations ?? {}
  const { outputs } = world.spec
  const tags = asked[annotations.tags] === undefined ? outputs?.tags : listOf(asked[annotations.tags])
  const bad = tags?.map(tagProblem).find((problem) => problem !== undefined)
  if (bad) return { problem: `${annotations.tags}: ${bad}` }
  const message = asked[annotations.message]
  const parsed = DatasetVersionSpec.safeParse({
    dataset: world.dataset.metadata.name,
    commit: asked[annotations.commit] ?? outputs?.commit ?? 'OnSuccess',
    ...(message === undefined ? {} : { message }),
    ...(tags && tags.length > 0 ? { tags: [...new Set(tags)] } : {}),
  })
  if (parsed.success) {
    const { dataset: _, ...spec } = parsed.data
    return { spec }
  }
  const issue = parsed.error.issues[0]
  return { problem: `granary.dev/${issue?.path.join('.')}: ${issue?.message ?? 'is not valid'}` }
}

const refuse = (draft: Draft, claim: ClaimObject, message: string): void => {
  draft.plan.events.push({ regarding: claim, type: 'Warning', reason: 'InvalidSpec', message })
}

/** Kinds that start pods again and tell by themselves how they ended. */
const writers = ['Job', 'StatefulSet', 'ReplicaSet', 'TaskRun']

/** For whom a claim is opened again: if nobody sees that pod any more, it is known that somebody wrote. */
const openedFor = (pod: PodObject): string => {
  const owner = pod.metadata.ownerReferences?.find((one) => one.controller && writers.includes(one.kind))
  const { kind, name, uid } = owner ?? { kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid }
  return JSON.stringify({ kind, name, uid })
}

const open = (world: World, draft: Draft, wanted: Wanted) => {
  const { claim } = wanted
  const base = baseFor(world, draft, wanted)
  if ('wait' in base) return
  if ('problem' in base) return refuse(draft, claim, base.problem)
  const described = specFor(world, claim)
  if ('problem' in described) return refuse(draft, claim, described.problem)
  // A claim that outlives its commit: whether a pod mounts it again must not come from a cache.
  if (wanted.last) draft.plan.live = true
  const reservation = reserve(world, draft, `claim:${claim.metadata.uid}`)
  if (!reservation) return
  const version = numberedVersion(
    world,
    reservation.sequence,
    { ...described.spec, ...base },
    {
      [annotations.claim]: claim.metadata.name,
      [annotations.claimUid]: claim.metadata.uid ?? '',
      ...(wanted.last && wanted.pod ? { [annotations.openedFor]: openedFor(wanted.pod) } : {}),
    },
  )
  const message = `Opened ${version.metadata.name} for what is written to this claim.`
  draft.make.versions.push({
    object: version,
    event: { regarding: claim, type: 'Normal', reason: 'Initializing', message },
  })
}

/** Writes on each output claim which version it belongs to now. */
const point = (world: World, draft: Draft): void => {
  for (const claim of world.claims) {
    const { metadata } = claim
    const last = isOutput(world, claim) ? versionsOf(world, claim).at(-1) : undefined
    if (!last || metadata.annotations?.[annotations.openVersion] === last.metadata.name) continue
    const { name, namespace = '', uid = '' } = metadata
    const path = `/metadata/annotations/${annotations.openVersion.replace('/', '~1')}`
    draft.plan.patch.push({
      ref: { kind: kinds.Claim, namespace, name, uid },
      ops: [
        { op: 'test', path: '/metadata/uid', value: uid },
        { op: 'add', path, value: last.metadata.name },
      ],
    })
  }
}

/** Opens a version for each claim that is to be written to, the first time, and when a pod mounts it again after its last version has ended. */
export const openOutputs: Step = (world, draft) => {
  point(world, draft)
  if (draft.held || world.dataset.metadata.deletionTimestamp) return undefined
  const wanted = outputsWanted(world)
  for (const one of wanted) open(world, draft, one)
  if (wanted.length > 0 && draft.plan.events.length > 0) lookAgainAt(world, draft, world.now + 60_000)
  return undefined
}
