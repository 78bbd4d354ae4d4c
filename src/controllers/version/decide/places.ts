import { findCondition } from '../../../api/conditions.ts'
import type { DatasetVersion } from '../../../api/dataset-version.ts'
import type { MoveSpec } from '../../../api/move.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import { bucketOf, type MoverAccess, moverAccess, type ResolvedLocation, storeKind } from '../../../desired/location.ts'
import { isBucket, resolveSource } from '../../../desired/source.ts'
import { resolveStore } from '../../../desired/store.ts'
import type { World } from '../world.ts'

export type Committed = NonNullable<Extract<MoveSpec, { op: 'Finalize' }>['base']>

export type Place = { access: MoverAccess; at: ResolvedLocation } | { reason: ReasonName; message: string }

const placed = (
  name: string,
  resolution: { location: ResolvedLocation } | { reason: ReasonName; message: string },
): Place =>
  'location' in resolution ? { access: moverAccess(name, resolution.location), at: resolution.location } : resolution

const noDataset = (world: World): { reason: ReasonName; message: string } => ({
  reason: world.datasetProblem === undefined ? 'DatasetNotFound' : 'InvalidSpec',
  message:
    world.datasetProblem === undefined
      ? `There is no Dataset "${world.spec.dataset}" in this namespace: apply it.`
      : `Dataset ${world.spec.dataset}: ${world.datasetProblem}`,
})

/** The directory of the Dataset in its store. The dataset controller settles which store that is; another one now is its to complain about. */
export const storePlace = (world: World): Place => {
  const { dataset, datasetSpec, providers, config } = world
  if (dataset === undefined || datasetSpec === undefined) return noDataset(world)
  const resolution = resolveStore({
    namespace: dataset.metadata.namespace ?? '',
    name: dataset.metadata.name,
    store: datasetSpec.store,
    providers,
    defaultStore: config.defaultStore,
  })
  if (!('location' in resolution)) return placed('store', resolution)
  const settled = dataset.status?.store
  const { prefix } = resolution.location
  if (settled === undefined)
    return { reason: 'Pending', message: `Waits until Dataset ${dataset.metadata.name} has settled on its store.` }
  const moved = settled.kind !== storeKind(resolution.location) || settled.bucket !== bucketOf(resolution.location)
  if (moved || settled.prefix !== prefix)
    return {
      reason: 'StoreMoved',
      message: `The versions are in ${settled.bucket}/${settled.prefix}, but the store of Dataset ${dataset.metadata.name} is another place now: put it back.`,
    }
  return placed('store', resolution)
}

/** Where `spec.source` of the Dataset points. */
export const sourcePlace = (world: World): Place => {
  const source = world.datasetSpec?.source
  if (world.datasetSpec === undefined) return noDataset(world)
  if (source === undefined)
    return {
      reason: 'InvalidSpec',
      message: `Dataset ${world.spec.dataset} has no spec.source to import: write one, or make a version without from.`,
    }
  const { dataset, providers, config } = world
  const uid = dataset?.metadata.uid ?? ''
  return placed('source', resolveSource(source, { uid, providers, allowHostPath: config.allowHostPath ?? [] }))
}

/** Versions that point at objects of the source need it to be read. */
export const sourceIfNeeded = (world: World): Extract<Place, { access: MoverAccess }> | undefined => {
  const place = sourcePlace(world)
  return 'access' in place && isBucket(place.at) ? place : undefined
}

export const committedOf = ({ status }: DatasetVersion): Committed | undefined =>
  status?.phase === 'Committed' &&
  status.sequence !== undefined &&
  status.rootDigest !== undefined &&
  status.digest !== undefined
    ? { sequence: status.sequence, root: status.rootDigest, digest: status.digest }
    : undefined

const highest = (versions: readonly DatasetVersion[]): Committed | undefined =>
  versions.flatMap((version) => committedOf(version) ?? []).sort((a, b) => b.sequence - a.sequence)[0]

/** The committed version with the highest number, this one left out. */
export const latestOther = ({ siblings }: World): Committed | undefined => highest(siblings)

/** The latest one whose bytes may be referred to: what is known to be damaged must not be passed on. */
export const soundOther = ({ siblings }: World): Committed | undefined =>
  highest(siblings.filter((version) => !isDamaged(version)))

/** Whether a verification found the version's bytes in the store damaged. */
export const isDamaged = ({ status }: DatasetVersion): boolean =>
  findCondition(status?.conditions, 'Degraded')?.reason === 'Corrupt'
