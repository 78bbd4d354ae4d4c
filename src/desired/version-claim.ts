import type { Dataset, DatasetSpec } from '../api/dataset.ts'
import * as kinds from '../api/kinds.ts'
import { annotations, claimName, versionTag } from '../api/names.ts'
import { childLabels, ownerReferences } from './labels.ts'
import type { ClaimObject } from './objects.ts'
import { neededQuantity } from './volume-size.ts'

type VolumeSpec = NonNullable<DatasetSpec['volume']>

/** Drivers whose volumes pods on many nodes can read at once. */
const manyReaders = ['file.csi.azure.com', 'filestore.csi.storage.gke.io', 'nfs.csi.k8s.io', 'smb.csi.k8s.io']
/** Drivers that refuse ReadOnlyMany: their volumes are shared, and mounted read-only by the pods. */
const manyWriters = ['efs.csi.aws.com', 'fsx.csi.aws.com']
const manyReadersSuffixes = ['.cephfs.csi.ceph.com', '.nfs.csi.ceph.com']

/** Access modes of a read-only claim of which the Dataset says nothing: what the class is known to do for many readers. */
export const readerModes = (provisioner: string | undefined): string[] => {
  if (provisioner !== undefined && manyWriters.includes(provisioner)) return ['ReadWriteMany']
  const many =
    provisioner !== undefined &&
    (manyReaders.includes(provisioner) || manyReadersSuffixes.some((suffix) => `.${provisioner}`.endsWith(suffix)))
  return many ? ['ReadOnlyMany'] : ['ReadWriteOnce']
}

export interface VersionClaimInput {
  dataset: Dataset
  /** The Dataset that an alias leads to: its versions are no objects of this namespace, so the claim names it and says which. */
  owner?: Dataset | undefined
  version: { sequence: number; name: string; files: number; bytes: number }
  volume: VolumeSpec
  /** Of the storage class. */
  provisioner?: string | undefined
  defaultStorageClass?: string | undefined
}

const sourceOf = ({ owner, version }: VersionClaimInput) =>
  owner === undefined
    ? { ref: { kind: kinds.DatasetVersion.kind, name: version.name }, annotations: {} }
    : {
        ref: { kind: kinds.Dataset.kind, name: owner.metadata.name },
        annotations: {
          [annotations.fromNamespace]: owner.metadata.namespace ?? '',
          [annotations.version]: versionTag(version.sequence),
        },
      }

/** The read-only claim `<dataset>-v<N>` that `spec.volume` keeps ready: filled before any pod needs it. */
export const versionClaim = (input: VersionClaimInput): ClaimObject => {
  const { dataset, version, volume } = input
  const { name, namespace = '', uid = '' } = dataset.metadata
  const from = sourceOf(input)
  const storageClassName = volume.storageClassName ?? input.defaultStorageClass
  return {
    apiVersion: kinds.Claim.apiVersion,
    kind: kinds.Claim.kind,
    metadata: {
      name: claimName(name, version.sequence),
      namespace,
      labels: childLabels({ role: 'version', ownerUid: uid, dataset: name, version: versionTag(version.sequence) }),
      annotations: { [annotations.access]: 'ReadOnly', [annotations.bind]: 'Immediate', ...from.annotations },
      ownerReferences: ownerReferences(dataset, namespace),
    },
    spec: {
      accessModes: volume.accessModes ?? readerModes(input.provisioner),
      ...(storageClassName === undefined ? {} : { storageClassName }),
      resources: { requests: { storage: volume.size === undefined ? neededQuantity(version) : String(volume.size) } },
      dataSourceRef: { apiGroup: kinds.group, ...from.ref },
    },
  }
}
