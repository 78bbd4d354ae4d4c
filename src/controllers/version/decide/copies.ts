import { labels } from '../../../api/names.ts'
import { isReady } from '../../../desired/snapshot.ts'
import { type Strategy, strategyOf } from '../../../desired/strategy.ts'
import type { World } from '../world.ts'
import type { Draft } from './draft.ts'

/** The API's bound on the list of snapshots. */
const maxSnapshots = 16

/** How volumes of this version are filled: as the claim that the Dataset keeps was, else the youngest one. */
const strategyNow = ({ copies }: World): Strategy | undefined => {
  const chosen = copies
    .flatMap((claim) => {
      const strategy = strategyOf(claim)
      return strategy === undefined ? [] : [{ claim, strategy }]
    })
    .sort((one, other) => {
      const [a, b] = [one, other].map(({ claim }) => claim.metadata.creationTimestamp ?? '')
      return a === b ? (one.claim.metadata.name < other.claim.metadata.name ? -1 : 1) : a! > b! ? -1 : 1
    })
  return (chosen.find(({ claim }) => claim.metadata.labels?.[labels.role] === 'version') ?? chosen[0])?.strategy
}

/** Snapshots that there are, and those that went: who fills a volume without one says why. */
const snapshotsNow = ({ snapshots }: World, draft: Draft) => {
  const given = draft.plan.delete.map(({ uid }) => uid)
  const left = snapshots.filter(({ metadata }) => !given.includes(metadata.uid))
  const there = left.map((snapshot) => ({
    class: snapshot.spec.volumeSnapshotClassName ?? '',
    name: snapshot.metadata.name,
    ready: isReady(snapshot),
  }))
  const gone = (draft.status.snapshots ?? [])
    .filter((noted) => !there.some(({ name }) => name === noted.name))
    .map((noted) => ({ ...noted, ready: false }))
  return [...there, ...gone].sort((a, b) => (a.name < b.name ? -1 : 1)).slice(0, maxSnapshots)
}

/** Volumes and snapshots of a committed version: copies of it that can be thrown away and made again. */
export const describeCopies = (world: World, draft: Draft): void => {
  const strategy = strategyNow(world)
  if (strategy !== undefined) {
    draft.status.strategy = { used: strategy.used, reason: strategy.reason }
    draft.status.reach = strategy.reach
  }
  const snapshots = snapshotsNow(world, draft)
  if (snapshots.length > 0) draft.status.snapshots = snapshots
}
