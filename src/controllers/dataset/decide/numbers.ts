import type { DatasetVersion } from '../../../api/dataset-version.ts'
import * as kinds from '../../../api/kinds.ts'
import {
  labels,
  managedBy,
  managedByLabel,
  parseVersionName,
  parseVersionTag,
  versionName,
} from '../../../api/names.ts'
import { ownerReferences } from '../../../desired/labels.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, type Step } from './draft.ts'
import { outputsWanted } from './wanted.ts'

/**
 * A number is taken in two rounds. It is reserved in the Dataset's status, in a write that is guarded by the resourceVersion, together with what it is for
 * and the time of opening; when that write is seen, the version is made, or the status of a person's version is written. So no number is given twice,
 * whatever crashes or is seen late, and a retry gives the same number and the same intent.
 */
export type Purpose = 'import' | `claim:${string}` | `version:${string}`

type Reservation = NonNullable<World['dataset']['status']> extends { opening?: (infer T)[] | undefined } ? T : never

/** The lowest number that nothing has or had: not the status, not an object, not an object's name. */
const nextNumber = (world: World, draft: Draft): number => {
  return Math.max(
    draft.status.nextSequence ?? 1,
    ...world.versions.map((version) => 1 + (version.status?.sequence ?? 0)),
    ...world.versions.map((version) => {
      const named = parseVersionName(version.metadata.name)
      return named?.dataset === world.dataset.metadata.name ? 1 + named.sequence : 1
    }),
  )
}

/** The number that is reserved for `purpose`, once that is written and seen; otherwise it is reserved now, and undefined. */
export const reserve = (world: World, draft: Draft, purpose: Purpose): Reservation | undefined => {
  const forPurpose = (entry: Reservation) => entry.for === purpose
  const seen = world.dataset.status?.opening?.find(forPurpose)
  if (seen || draft.status.opening?.some(forPurpose)) return seen
  const sequence = nextNumber(world, draft)
  const parent = parseVersionTag(draft.status.latest?.version ?? '')
  draft.status.nextSequence = sequence + 1
  draft.status.opening = [
    ...(draft.status.opening ?? []),
    { sequence, for: purpose, at: isoTime(world.now), ...(parent === undefined ? {} : { parent }) },
  ]
  return undefined
}

/** Gives a reservation back that nothing came of: its number stays a gap. */
export const release = (draft: Draft, purpose: Purpose): void => {
  draft.status.opening = draft.status.opening?.filter((entry) => entry.for !== purpose)
}

/** The version that Granary makes under a reserved number. */
export const numberedVersion = (
  world: World,
  sequence: number,
  spec: Omit<DatasetVersion['spec'], 'dataset'>,
  annotations?: Record<string, string>,
): DatasetVersion => {
  const { name, namespace = '', uid = '' } = world.dataset.metadata
  return {
    apiVersion: kinds.DatasetVersion.apiVersion,
    kind: kinds.DatasetVersion.kind,
    metadata: {
      name: versionName(name, sequence),
      namespace,
      labels: {
        [managedByLabel]: managedBy,
        [labels.dataset]: name,
        [labels.version]: `v${sequence}`,
        [labels.ownerUid]: uid,
      },
      ...(annotations ? { annotations } : {}),
      ownerReferences: ownerReferences(world.dataset, namespace),
    },
    spec: { dataset: name, ...spec },
  }
}

/** Whether Granary made this version, under a number of this very Dataset. */
export const isOurs = (world: World, version: DatasetVersion): boolean =>
  version.metadata.labels?.[labels.ownerUid] === world.dataset.metadata.uid

const byAge = (a: DatasetVersion, b: DatasetVersion): number =>
  (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? '') ||
  a.metadata.name.localeCompare(b.metadata.name)

/** The number and intent of a version that has none in its status: its reservation; for one of ours whose reservation is gone, its name and age. */
const reservationFor = (world: World, draft: Draft, version: DatasetVersion): Omit<Reservation, 'for'> | undefined => {
  if (!isOurs(world, version)) return reserve(world, draft, `version:${version.metadata.uid}`)
  const sequence = parseVersionName(version.metadata.name)?.sequence
  if (sequence === undefined) return undefined
  return (
    world.dataset.status?.opening?.find((entry) => entry.sequence === sequence) ?? {
      sequence,
      at: version.metadata.creationTimestamp ?? isoTime(world.now),
    }
  )
}

/** Writes number and intent into versions that have none: those made under a reservation, and people's, in the order in which they came. */
export const giveNumbers: Step = (world, draft) => {
  for (const version of world.versions.toSorted(byAge)) {
    if (version.status?.sequence !== undefined || version.metadata.deletionTimestamp) continue
    if (draft.held && !isOurs(world, version)) continue
    const reservation = reservationFor(world, draft, version)
    if (!reservation) continue
    const { sequence, at, parent } = reservation
    const { name, namespace = '', uid = '' } = version.metadata
    draft.plan.status.push({
      object: { apiVersion: version.apiVersion, kind: version.kind, metadata: { name, namespace, uid } },
      status: { sequence, version: `v${sequence}`, openedAt: at, ...(parent === undefined ? {} : { parent }) },
    })
  }
  return undefined
}

/** Whether a reservation is still for something: its version is not numbered yet, and what it is for is still wanted. */
const isNeeded = (world: World, { sequence, for: purpose }: Reservation): boolean => {
  const there = world.versions.find(
    (version) =>
      version.status?.sequence === sequence ||
      version.metadata.name === versionName(world.dataset.metadata.name, sequence),
  )
  if (there) return there.status?.sequence === undefined
  const [kind, uid] = purpose.split(':')
  if (kind === 'claim') return outputsWanted(world).some(({ claim }) => claim.metadata.uid === uid)
  if (kind === 'version') return world.versions.some((version) => version.metadata.uid === uid)
  return true
}

/** Reservations that came to their end, or to nothing, go; a number that nobody took stays a gap. */
export const settleReservations: Step = (world, draft) => {
  draft.status.opening = draft.status.opening?.filter((reservation) => isNeeded(world, reservation))
  return undefined
}
