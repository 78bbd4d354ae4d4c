import type { DatasetVersion } from '../api/dataset-version.ts'
import { VolumeSnapshot } from '../api/kinds.ts'
import { parseQuantity } from '../api/quantity.ts'
import { childLabels, ownerReferences } from './labels.ts'
import type { ClaimObject } from './objects.ts'
import { restoredFrom, type Snapshot } from './snapshot.ts'

/** Name of the snapshot of a workspace that becomes a version, and of the claim that it is read from. */
export const workspaceCopyName = ({ metadata }: DatasetVersion): string => `from-${metadata.uid}`

const metadataOf = (version: DatasetVersion) => {
  const { namespace = '', uid = '' } = version.metadata
  return {
    name: workspaceCopyName(version),
    namespace,
    labels: childLabels({ role: 'working', ownerUid: uid, dataset: version.spec.dataset }),
    ownerReferences: ownerReferences(version, namespace),
  }
}

/** What is on somebody's claim at this moment. */
export const workspaceSnapshot = (version: DatasetVersion, claim: string, snapshotClass: string): Snapshot => ({
  apiVersion: VolumeSnapshot.apiVersion,
  kind: VolumeSnapshot.kind,
  metadata: metadataOf(version),
  spec: { volumeSnapshotClassName: snapshotClass, source: { persistentVolumeClaimName: claim } },
})

/** A volume with that, to be read while the claim goes on being used. */
export const workspaceCopy = (version: DatasetVersion, claim: ClaimObject, snapshot: Snapshot): ClaimObject => {
  const sizes = [
    snapshot.status?.restoreSize,
    claim.status?.capacity?.storage,
    claim.spec?.resources?.requests?.storage,
  ].filter((size) => size !== undefined)
  const storage = sizes.reduce((one, other) => ((parseQuantity(one) ?? 0) >= (parseQuantity(other) ?? 0) ? one : other))
  const storageClassName = claim.spec?.storageClassName
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: metadataOf(version),
    spec: {
      accessModes: ['ReadWriteOnce'],
      resources: { requests: { storage } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
      dataSourceRef: restoredFrom(snapshot),
    },
  }
}
