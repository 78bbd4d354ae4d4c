import type { DatasetVersion } from '../../../api/dataset-version.ts'
import { annotations } from '../../../api/names.ts'
import { annotate, sameObject } from '../../../desired/json-patch.ts'
import {
  announcedFor,
  type DataSource,
  isReady,
  restoredFrom,
  type Snapshot,
  snapshotClassFor,
} from '../../../desired/snapshot.ts'
import { type Rung, reachOf, rungs, type Strategy, strategyOf } from '../../../desired/strategy.ts'
import type { Claim } from '../../../desired/volumes.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { accessOf, claimRef, isBound, isLeaving, resolvedOf, roleOf } from './facts.ts'

/** How long a snapshot that is being made is waited for, ms. Longer than that, the store is faster. */
const snapshotPatience = 60_000
/** How long a driver may take before its complaints count, ms: the first may be about something that comes. */
const driverPatience = 15_000

/** The committed version that the claim was resolved to. */
export const versionOf = ({ claim, source }: World): DatasetVersion | undefined => {
  const sequence = resolvedOf(claim)?.content?.sequence
  if ('missing' in source || sequence === undefined) return undefined
  return source.versions.find(({ status }) => status?.sequence === sequence)
}

/** The class that snapshots of this claim's driver are made with. */
export const snapshotClassOf = ({ source, storageClass, snapshotClasses }: World) =>
  snapshotClassFor(
    snapshotClasses,
    storageClass?.provisioner,
    'missing' in source ? undefined : source.dataset.spec.volume?.volumeSnapshotClassName,
  )

/** The version's snapshot that the claim's driver can restore, ready or not. */
export const snapshotOf = (world: World): Snapshot | undefined => {
  const ours = world.snapshotClasses.filter((one) => one.driver === world.storageClass?.provisioner)
  const found = world.snapshots.filter(({ spec }) =>
    ours.some(({ metadata }) => metadata.name === spec.volumeSnapshotClassName),
  )
  return found.find(isReady) ?? found[0]
}

/** A claim beside the prime that holds the same version, that no pod uses. */
const twinToClone = ({ claim, twins, storageClass }: World): Claim | undefined => {
  const home = resolvedOf(claim)?.namespace
  return twins.find(
    ({ claim: twin, used }) =>
      twin.metadata.uid !== claim.metadata.uid &&
      twin.metadata.namespace === home &&
      twin.spec.storageClassName === storageClass?.metadata.name &&
      accessOf(twin) === 'ReadOnly' &&
      roleOf(twin) !== 'prime' &&
      isBound(twin) &&
      twin.status?.phase === 'Bound' &&
      !isLeaving(twin) &&
      !used,
  )?.claim
}

/** What the driver makes the prime from, and the least size that takes; undefined where the rung needs something that is not there. */
export const dataSourceFor = (world: World, rung: Rung): { source?: DataSource; size?: string } | undefined => {
  if (rung === 'Snapshot') {
    const snapshot = snapshotOf(world)
    if (snapshot === undefined || !isReady(snapshot)) return undefined
    const size = snapshot.status?.restoreSize
    return { source: restoredFrom(snapshot), ...(size === undefined ? {} : { size }) }
  }
  if (rung === 'Clone') {
    const twin = twinToClone(world)
    const size = twin?.status?.capacity?.storage ?? twin?.spec.resources?.requests?.storage
    return twin === undefined
      ? undefined
      : {
          source: { kind: 'PersistentVolumeClaim', name: twin.metadata.name },
          ...(size === undefined ? {} : { size }),
        }
  }
  return {}
}

/** Why there is no snapshot to restore. */
const whyNoSnapshot = (world: World): string => {
  const version = resolvedOf(world.claim)?.version
  const driver = world.storageClass?.provisioner
  const known = world.snapshotClasses.filter((one) => one.driver === driver).map(({ metadata }) => metadata.name)
  if (known.length === 0) return `there is no VolumeSnapshotClass of driver ${driver}`
  const snapshot = snapshotOf(world)
  const lost = versionOf(world)?.status?.snapshots?.find((one) => known.includes(one.class))
  if (snapshot?.status?.error !== undefined)
    return `VolumeSnapshot ${snapshot.metadata.name} failed: ${snapshot.status.error.message ?? 'no reason given'}`
  if (snapshot !== undefined) return `VolumeSnapshot ${snapshot.metadata.name} is not ready yet`
  if (lost !== undefined) return `VolumeSnapshot ${lost.name} is gone`
  return `there is no snapshot of ${version} yet`
}

const sentence = (world: World, used: Rung, why: string): string => {
  const behind = why === '' ? '' : `: ${why}`
  switch (used) {
    case 'Snapshot':
      return `Restored from VolumeSnapshot ${snapshotOf(world)?.metadata.name}.`
    case 'Clone':
      return `Cloned from claim ${twinToClone(world)?.metadata.name}${behind}.`
    case 'Shared':
      return `Filled from the store, and shared by all that mount it read-only${behind}.`
    case 'Copy':
      return `Filled from the store${behind}.`
  }
}

/** The best rung that there is, those left out which failed here or for another claim of this version and class. */
export const choose = (world: World, failed: readonly Rung[] = [], complaint = ''): Strategy => {
  const { claim, twins } = world
  const shares = claim.spec.accessModes?.includes('ReadWriteMany') === true && accessOf(claim) === 'ReadOnly'
  const refused = twins.some(({ claim: twin }) => strategyOf(twin)?.failed?.includes('Clone'))
  const possible = (rung: Rung): boolean => {
    if (failed.includes(rung) || dataSourceFor(world, rung) === undefined) return false
    if (rung === 'Clone') return !refused
    return rung !== 'Shared' || shares
  }
  const used = rungs.find(possible) ?? 'Copy'
  const why = complaint === '' ? whyNoSnapshot(world) : complaint
  return {
    used,
    reason: sentence(world, used, why).slice(0, 1024),
    reach: reachOf(claim.spec.accessModes),
    ...(failed.length === 0 ? {} : { failed: [...failed] }),
  }
}

const record = ({ claim }: World, strategy: Strategy): NonNullable<Plan['patch']>[number] => ({
  ref: claimRef(claim),
  ops: [sameObject(claim), ...annotate(claim, { [annotations.strategy]: JSON.stringify(strategy) })],
})

/** A snapshot that is about to be ready. */
const comesSoon = (world: World): boolean => {
  const snapshot = snapshotOf(world)
  const version = versionOf(world)
  if (snapshot === undefined)
    return version !== undefined && snapshotClassOf(world) !== undefined && announcedFor(version, world.now)
  if (isReady(snapshot) || isLeaving(snapshot)) return false
  const age = world.now - Date.parse(snapshot.metadata.creationTimestamp ?? '')
  return snapshot.status?.error === undefined && age < snapshotPatience
}

/** Chooses how the volume is filled, once, and writes it on the claim before anything is made for it. */
export const chooseStrategy = (world: World): Plan | undefined => {
  const { claim, prime } = world
  if (prime !== undefined || resolvedOf(claim)?.content === undefined) return undefined
  const known = strategyOf(claim)
  if (known !== undefined && dataSourceFor(world, known.used) !== undefined) return undefined
  if (comesSoon(world)) return { requeueAfter: 2_000 }
  const strategy = choose(world, known?.failed)
  const lost = /\bis gone\b|\bfailed\b/.test(strategy.reason)
  return {
    patch: [record(world, strategy)],
    ...(lost
      ? { events: [{ regarding: claim, type: 'Warning', reason: 'SnapshotUnusable', message: strategy.reason }] }
      : {}),
  }
}

/** The driver can't make the prime from what it was told to: the next rung. The prime goes with the next look, as it was made for another one. */
export const stepDown = (world: World): Plan | undefined => {
  const { claim, prime, complaint } = world
  const used = prime === undefined ? undefined : strategyOf(prime)?.used
  if (prime === undefined || isBound(prime) || (used !== 'Snapshot' && used !== 'Clone')) return undefined
  if (strategyOf(claim)?.used !== used) return undefined
  const gone = dataSourceFor(world, used) === undefined
  const left = Date.parse(prime.metadata.creationTimestamp ?? '') + driverPatience - world.now
  if (!gone && (complaint === undefined || left > 0)) return undefined
  const failed = [...new Set([...(strategyOf(claim)?.failed ?? []), used])]
  const why = gone
    ? whyNoSnapshot(world)
    : `${used === 'Snapshot' ? 'restoring a snapshot' : 'cloning'} failed: ${complaint}`
  const strategy = choose(world, failed, why)
  return {
    patch: [record(world, strategy)],
    events: [{ regarding: claim, type: 'Warning', reason: 'SnapshotUnusable', message: strategy.reason }],
  }
}
