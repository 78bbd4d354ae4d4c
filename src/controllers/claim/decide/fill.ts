import type { MoveSpec } from '../../../api/move.ts'
import { annotations } from '../../../api/names.ts'
import { parseQuantity } from '../../../api/quantity.ts'
import { type Attempt, type AttemptInput, attempt, staleJobs } from '../../../desired/attempt.ts'
import { annotate, sameObject } from '../../../desired/json-patch.ts'
import {
  asStore,
  identity,
  type MoverAccess,
  moverAccess,
  type ResolvedLocation,
  resolveLocation,
} from '../../../desired/location.ts'
import { type MoverSettings, moverJob } from '../../../desired/mover-job.ts'
import { writerOf } from '../../../desired/snapshot.ts'
import { strategyOf } from '../../../desired/strategy.ts'
import { type Claim, forClaimAnnotation } from '../../../desired/volumes.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { accessOf, claimRef, isBound, type Resolved, resolvedOf } from './facts.ts'
import { selectedNode, tooMany } from './place.ts'
import { type Waiting, waits } from './say.ts'
import { choose, snapshotOf, versionOf } from './strategy.ts'

/** On a prime: which attempt runs or comes next, not before when, and why the last one failed. */
export const attemptAnnotation = 'granary.dev/attempt'
export const retryAtAnnotation = 'granary.dev/retry-at'

/** On a prime: the digest of what is on it, verified; or `none` if it is verified and no snapshot of it can be had. */
export const filledAnnotation = 'granary.dev/filled'

/** The mover is the prime's first consumer, and settles where its volume is. */
const isFirstConsumer = (world: World): boolean =>
  world.storageClass?.volumeBindingMode === 'WaitForFirstConsumer' && selectedNode(world) === undefined

/** How the mover that fills the prime is doing. */
export const fillAttempt = (world: World, prime: Claim): { input: AttemptInput; state: Attempt } => {
  const { jobs, movers: pods, events, now } = world
  const notes = prime.metadata.annotations ?? {}
  const retryAt = Date.parse(notes[retryAtAnnotation] ?? '')
  const input: AttemptInput = {
    op: resolvedOf(world.claim)?.content === undefined ? 'Probe' : 'Populate',
    ownerUid: prime.metadata.uid ?? '',
    attempt: Number(notes[attemptAnnotation] ?? '1'),
    notBefore: Number.isNaN(retryAt) ? undefined : retryAt,
    jobs,
    pods,
    events,
    now,
  }
  return { input, state: attempt(input) }
}

/** The volume has what it was made for: nothing to fill, or verified by its mover. */
export const isFilled = (world: World): boolean => {
  const { claim, prime } = world
  if (prime === undefined || prime.status?.phase !== 'Bound') return false
  if (resolvedOf(claim)?.content === undefined) return true
  // Its mover may have gone since, so that the volume is quiet.
  if (prime.metadata.annotations?.[filledAnnotation] !== undefined) return true
  const { state } = fillAttempt(world, prime)
  return state.state === 'done' && state.result.op === 'Populate'
}

/** What the mover shall do, and with which locations; or why it can't start. */
interface Move {
  spec: MoveSpec
  accesses: MoverAccess[]
}
type Problem = { reason: Waiting; message: string }

const storeOf = ({ source, config }: World): ResolvedLocation | Problem => {
  if ('missing' in source) return { reason: 'DatasetNotFound', message: source.missing }
  const { dataset, providers } = source
  const at = dataset.status?.store
  if (at === undefined)
    return { reason: 'NoStore', message: `Dataset ${dataset.metadata.name} has no store yet: see its conditions.` }
  const asked = at.provider === undefined ? (dataset.spec.store ?? config.defaultStore) : { provider: at.provider }
  if (asked === undefined)
    return { reason: 'NoStore', message: `Dataset ${dataset.metadata.name} names no store, and there is no default.` }
  const store = resolveLocation(asked, providers)
  return 'reason' in store ? store : asStore({ ...store.location, prefix: at.prefix })
}

/** Files of versions that refer to their source, and of those that were made from them, lie where the source keeps its old object versions. */
const sourceOf = ({ source }: World): ResolvedLocation | Problem | undefined => {
  if ('missing' in source || source.dataset.spec.source === undefined) return undefined
  const { provider, s3, gcs } = source.dataset.spec.source
  if (provider === undefined && s3 === undefined && gcs === undefined) return undefined
  const { dataset, versions, providers } = source
  const modes = [dataset.status?.import?.mode, ...versions.map((one) => one.status?.import?.mode)]
  if (!modes.includes('Reference')) return undefined
  const from = resolveLocation(source.dataset.spec.source, providers)
  return 'reason' in from ? from : from.location
}

const populate = (world: World, prime: Claim, content: NonNullable<Resolved['content']>): Move | Problem => {
  const at = storeOf(world)
  if ('reason' in at) return at
  const from = sourceOf(world)
  if (from !== undefined && 'reason' in from) return from
  const store = moverAccess('store', at)
  const source = from === undefined ? undefined : moverAccess('source', from)
  const size = world.primeVolume?.spec.capacity?.storage ?? prime.spec.resources?.requests?.storage
  const capacity = parseQuantity(size ?? '')
  return {
    spec: {
      op: 'Populate',
      store: store.location,
      ...(source === undefined ? {} : { source: source.location }),
      version: { sequence: content.sequence, root: content.root, digest: content.digest },
      modes: accessOf(world.claim) === 'ReadOnly' ? 'ReadOnly' : 'Working',
      ...(capacity === undefined ? {} : { capacity }),
    },
    accesses: [store, ...(source === undefined ? [] : [source])],
  }
}

/** The mover that checks what somebody else wrote: their user may give their files the modes that they shall have. */
const asWriter = (world: World, prime: Claim): Pick<Parameters<typeof moverJob>[0], 'runAs'> => {
  const version = versionOf(world)
  if (version === undefined || strategyOf(prime)?.used !== 'Snapshot') return {}
  const uid = writerOf(snapshotOf(world), version)
  return uid === undefined || uid === 0 ? {} : { runAs: { uid } }
}

/** An empty volume needs no filling, only a pod that makes it come: one that has nothing to look at. */
const settle: Move = { spec: { op: 'Probe', locations: [] }, accesses: [] }

const startMover = (world: World, prime: Claim, resolved: Resolved, number: number): Plan => {
  const { claim, config, source } = world
  const move = resolved.content === undefined ? settle : populate(world, prime, resolved.content)
  if ('reason' in move) return waits(world, move.reason, move.message, 10_000)
  const as = identity(move.accesses)
  if ('reason' in as) return waits(world, as.reason, as.message, 30_000)
  const settings: MoverSettings = ('missing' in source ? undefined : source.dataset.spec.mover) ?? {}
  const note = { [forClaimAnnotation]: `${claim.metadata.namespace}/${claim.metadata.name}` }
  const job = moverJob({
    spec: move.spec,
    attempt: number,
    namespace: resolved.namespace,
    owner: prime,
    dataset: resolved.dataset,
    version: resolved.version,
    locations: move.accesses,
    data: { claimName: prime.metadata.name, readOnly: false, fill: true },
    ...asWriter(world, prime),
    settings: { ...settings, podAnnotations: { ...settings.podAnnotations, ...note } },
    config,
  })
  job.metadata.annotations = note
  return { ...(number > 1 ? { live: true } : {}), create: [job] }
}

/** What was restored belongs to somebody whose files the mover may not touch: the next rung, on a new volume. */
const withoutSnapshot = (world: World, prime: Claim, failed: Attempt & { state: 'failed' }): Plan | undefined => {
  const { claim } = world
  if (failed.reason !== 'UnreadableFiles' || strategyOf(prime)?.used !== 'Snapshot') return undefined
  const tried = [...new Set([...(strategyOf(claim)?.failed ?? []), 'Snapshot' as const])]
  const strategy = choose(world, tried, `checking a restored snapshot failed: ${failed.message}`)
  const ops = annotate(claim, { [annotations.strategy]: JSON.stringify(strategy) })
  return {
    patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }],
    events: [{ regarding: claim, type: 'Warning', reason: 'SnapshotUnusable', message: strategy.reason }],
  }
}

const tryAgain = (world: World, prime: Claim, input: AttemptInput, failed: Attempt & { state: 'failed' }): Plan => {
  const said = waits(world, failed.reason, failed.message, Math.max(failed.retryAt - world.now, 0))
  const ops = annotate(prime, {
    [attemptAnnotation]: String(input.attempt + 1),
    [retryAtAnnotation]: new Date(failed.retryAt).toISOString(),
  })
  return { ...said, patch: [...(said.patch ?? []), { ref: claimRef(prime), ops: [sameObject(prime), ...ops] }] }
}

/** How long a provisioner may take before it is worth a word, ms. */
const provisioningMs = 20_000

const awaitVolume = (world: World, prime: Claim): Plan => {
  const left = Date.parse(prime.metadata.creationTimestamp ?? '') + provisioningMs - world.now
  if (left > 0) return { requeueAfter: left }
  return waits(
    world,
    'VolumePending',
    `PersistentVolumeClaim ${prime.metadata.namespace}/${prime.metadata.name}, which is filled for this one, has no volume yet: its events say why.`,
  )
}

/** Fills the prime, once it can be: its volume is there, or the mover's pod is what makes it come. */
export const fill = (world: World): Plan | undefined => {
  const { claim, prime } = world
  const resolved = resolvedOf(claim)
  if (prime === undefined || resolved === undefined || isFilled(world)) return undefined
  if (!isBound(prime) && !isFirstConsumer(world)) return awaitVolume(world, prime)
  const { input, state } = fillAttempt(world, prime)
  const stale = staleJobs(input)
  if (stale.length > 0) return { live: true, delete: stale }
  switch (state.state) {
    case 'create':
      return tooMany(world) ?? startMover(world, prime, resolved, input.attempt)
    case 'waiting':
      return ordinary.includes(state.reason)
        ? { requeueAfter: state.retryIn ?? 10_000 }
        : waits(world, state.reason, state.message, state.retryIn ?? 10_000)
    case 'running':
      return waits(world, 'Populating', `Is being filled with ${resolved.dataset}:${resolved.version}.`)
    case 'failed':
      return withoutSnapshot(world, prime, state) ?? tryAgain(world, prime, input, state)
    case 'done':
      return { requeueAfter: 5_000 }
  }
}

/** Of an attempt that goes its way. A failure stays written on the claim until the next attempt runs. */
const ordinary: readonly string[] = ['Starting', 'Backoff', 'PreviousAttempt']
