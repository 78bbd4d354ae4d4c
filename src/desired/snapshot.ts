import type { DatasetVersion } from '../api/dataset-version.ts'
import { VolumeSnapshot } from '../api/kinds.ts'
import type { KubeObject } from '../api/meta.ts'
import { annotations, primeName, versionTag } from '../api/names.ts'
import { childLabels, ownerReferences } from './labels.ts'
import { type Claim, forClaimAnnotation } from './volumes.ts'

/** VolumeSnapshot and VolumeSnapshotClass as far as Granary reads or writes them. */
export interface Snapshot extends KubeObject {
  spec: { volumeSnapshotClassName?: string; source: { persistentVolumeClaimName?: string } }
  status?: {
    readyToUse?: boolean
    /** Since then the volume may be written to again. */
    creationTime?: string
    restoreSize?: string
    error?: { message?: string }
  }
}

export interface SnapshotClass extends KubeObject {
  driver: string
}

/** What a new claim is filled from by its driver, as its `dataSourceRef` says it. */
export type DataSource = NonNullable<Claim['spec']['dataSourceRef']>

const defaultClass = 'snapshot.storage.kubernetes.io/is-default-class'

/** The class to make snapshots of a driver's volumes with: the one that is preferred if it is the driver's, its default, or the first by name. */
export const snapshotClassFor = (
  classes: readonly SnapshotClass[],
  driver: string | undefined,
  preferred?: string | undefined,
): SnapshotClass | undefined => {
  const own = classes
    .filter((one) => one.driver === driver)
    .sort((one, other) => (one.metadata.name < other.metadata.name ? -1 : 1))
  return (
    own.find(({ metadata }) => metadata.name === preferred) ??
    own.find(({ metadata }) => metadata.annotations?.[defaultClass] === 'true') ??
    own[0]
  )
}

/** Volumes can be made from it. */
export const isReady = ({ metadata, status }: Snapshot): boolean =>
  metadata.deletionTimestamp === undefined && status?.readyToUse === true

/** What was on the volume is safe in the snapshot: the volume may be written to, or go. */
export const isCut = (snapshot: Snapshot): boolean =>
  snapshot.status?.readyToUse === true || snapshot.status?.creationTime !== undefined

export const restoredFrom = ({ metadata }: Snapshot): DataSource => ({
  apiGroup: 'snapshot.storage.k8s.io',
  kind: VolumeSnapshot.kind,
  name: metadata.name,
})

/** How long after its commit a snapshot of the volume that a version was written on is waited for, ms. Longer than that, the store is faster. */
const announcedMs = 60_000

/** A snapshot of the volume that the version was written on was announced with its commit and is not there yet. */
export const announcedFor = ({ spec, status }: DatasetVersion, now: number): boolean =>
  spec.from === undefined &&
  now - Date.parse(status?.committedAt ?? '') < announcedMs &&
  (status?.snapshots ?? []).some(({ ready }) => !ready)

/** Who wrote what a snapshot holds: its files are theirs. Undefined where a mover did. */
export const writerOf = (snapshot: Snapshot | undefined, { status }: DatasetVersion): number | undefined => {
  const from = snapshot?.spec.source.persistentVolumeClaimName
  return from === undefined || from.startsWith(primeName('')) ? undefined : status?.writer?.runAsUser
}

const maxName = 253

/**
 * The snapshot of a committed version in a class: `<dataset>-v<N>`, or with the class behind it where another class took that name. Goes with
 * the version.
 */
export const versionSnapshot = (input: {
  version: DatasetVersion
  /** A claim in the version's namespace whose volume holds exactly the version. */
  claimName: string
  /** `namespace/name` of the claim that waits for the snapshot to be cut. */
  forClaim: string
  snapshotClass: string
  /** Snapshots of the version that there are. */
  others: readonly Snapshot[]
}): Snapshot => {
  const { version, claimName, forClaim, snapshotClass, others } = input
  const { namespace = '', uid = '' } = version.metadata
  const { sequence = 0, digest = '' } = version.status ?? {}
  const plain = `${version.spec.dataset}-${versionTag(sequence)}`
  const isTaken = others.some(({ metadata }) => metadata.name === plain)
  return {
    apiVersion: VolumeSnapshot.apiVersion,
    kind: VolumeSnapshot.kind,
    metadata: {
      name: isTaken ? `${plain}-${snapshotClass}`.slice(0, maxName) : plain,
      namespace,
      labels: childLabels({
        role: 'snapshot',
        ownerUid: uid,
        dataset: version.spec.dataset,
        version: versionTag(sequence),
      }),
      annotations: { [annotations.digest]: digest, [forClaimAnnotation]: forClaim },
      ownerReferences: ownerReferences(version, namespace),
    },
    spec: { volumeSnapshotClassName: snapshotClass, source: { persistentVolumeClaimName: claimName } },
  }
}
