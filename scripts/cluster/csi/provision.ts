import type { KubeObject } from '../api.ts'

/** A claim, as far as a provisioner looks at it. */
export interface Claim extends KubeObject {
  spec: {
    accessModes?: string[]
    resources?: { requests?: { storage?: string } }
    storageClassName?: string
    volumeName?: string
    volumeMode?: string
    dataSourceRef?: { apiGroup?: string; kind: string; name: string; namespace?: string }
  }
  status?: { phase?: string }
}

export interface StorageClass extends KubeObject {
  provisioner: string
  reclaimPolicy?: string
  volumeBindingMode?: string
  parameters?: Record<string, string>
}

export interface PersistentVolume extends KubeObject {
  spec: {
    claimRef?: { namespace: string; name: string; uid?: string }
    csi?: { driver: string; volumeHandle: string }
    persistentVolumeReclaimPolicy?: string
  }
  status?: { phase?: string }
}

/** Where the bytes of a new volume come from. */
export type Source = { kind: 'empty' } | { kind: 'snapshot'; name: string } | { kind: 'claim'; name: string }

const units: Record<string, number> = {
  '': 1,
  m: 1e-3,
  ...Object.fromEntries(['k', 'M', 'G', 'T', 'P', 'E'].map((unit, index) => [unit, 1000 ** (index + 1)])),
  ...Object.fromEntries(['Ki', 'Mi', 'Gi', 'Ti', 'Pi', 'Ei'].map((unit, index) => [unit, 1024 ** (index + 1)])),
}

/** Bytes of a Kubernetes quantity such as `64Mi`. */
export const bytesOf = (quantity: string): number => {
  const match = /^([0-9.]+(?:[eE][+-]?\d+)?)([a-zA-Z]*)$/.exec(quantity)
  const unit = units[match?.[2] ?? '-']
  if (match === null || unit === undefined) throw new Error(`not a quantity: ${quantity}`)
  return Math.ceil(Number(match[1]) * unit)
}

/** Source that the claim asks for; undefined when another populator has to fill it, which makes us leave it alone. */
export const sourceOf = (claim: Claim): Source | undefined => {
  const ref = claim.spec.dataSourceRef
  if (!ref) return { kind: 'empty' }
  if (!ref.apiGroup && ref.kind === 'PersistentVolumeClaim') return { kind: 'claim', name: ref.name }
  if (ref.apiGroup === 'snapshot.storage.k8s.io' && ref.kind === 'VolumeSnapshot') {
    return { kind: 'snapshot', name: ref.name }
  }
  return undefined
}

/** Whether it is now our turn to make a volume for this claim, whose class is one of ours. */
export const wantsVolume = (claim: Claim, storageClass: StorageClass): boolean => {
  const { annotations = {}, deletionTimestamp } = claim.metadata
  // A claim whose volume is gone is Lost and stays so: a new, empty volume in its place would be worse.
  if (claim.spec.volumeName || deletionTimestamp || claim.status?.phase === 'Lost') return false
  // The volume controller sets it when no existing volume fits and the binding mode allows to go on.
  if (annotations['volume.kubernetes.io/storage-provisioner'] !== storageClass.provisioner) return false
  const waits = storageClass.volumeBindingMode === 'WaitForFirstConsumer'
  if (waits && nodeOf(claim) === undefined) return false
  return sourceOf(claim) !== undefined
}

const selectedNode = 'volume.kubernetes.io/selected-node'

/** Where the scheduler wants the volume; undefined where it was not asked. */
export const nodeOf = ({ metadata }: Claim): string | undefined => metadata.annotations?.[selectedNode]

/** Name of the volume that a claim gets: one per claim, however often this is tried. */
export const volumeName = (claim: Claim): string => `pvc-${claim.metadata.uid}`

const onlyOn = (node: string) => ({
  required: {
    nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [node] }] }],
  },
})

/** The PersistentVolume of a claim, bound to it from the start; without a node all can use it. */
export const volumeFor = (
  claim: Claim,
  storageClass: StorageClass,
  made: { size: number; node?: string | undefined },
) => ({
  apiVersion: 'v1',
  kind: 'PersistentVolume',
  metadata: {
    name: volumeName(claim),
    annotations: { 'pv.kubernetes.io/provisioned-by': storageClass.provisioner },
  },
  spec: {
    accessModes: claim.spec.accessModes ?? ['ReadWriteOnce'],
    capacity: { storage: made.size % 2 ** 20 === 0 ? `${made.size / 2 ** 20}Mi` : `${made.size}` },
    claimRef: {
      apiVersion: 'v1',
      kind: 'PersistentVolumeClaim',
      namespace: claim.metadata.namespace,
      name: claim.metadata.name,
      uid: claim.metadata.uid,
    },
    csi: { driver: storageClass.provisioner, volumeHandle: volumeName(claim), fsType: 'ext4' },
    ...(made.node === undefined ? {} : { nodeAffinity: onlyOn(made.node) }),
    persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
    storageClassName: storageClass.metadata.name,
    volumeMode: 'Filesystem',
  },
})

/**
 * Whether a volume may be destroyed with its bytes: it is Released, its policy says Delete, and no living claim is
 * named by it, whatever claim it was made for once.
 */
export const mayDestroy = (volume: PersistentVolume, claim: Claim | undefined): boolean => {
  if (volume.status?.phase !== 'Released' || volume.spec.persistentVolumeReclaimPolicy !== 'Delete') return false
  const ref = volume.spec.claimRef
  if (!ref?.uid) return false
  return claim === undefined || claim.metadata.uid !== ref.uid
}
