import * as kinds from '../../../src/api/kinds.ts'
import type { Snapshot, SnapshotClass } from '../../../src/desired/snapshot.ts'
import { type Claim, type StorageClass, selectedNodeAnnotation, type Volume } from '../../../src/desired/volumes.ts'
import type { Actor } from '../../helpers/drive.ts'
import type { ModelApi } from '../../helpers/model-api.ts'

/** A volume of the model, with what was written on it. */
export interface ModelVolume extends Volume {
  /** `found`: what its first mover found on it. */
  status: { phase?: string; content?: string; mounted?: string; found?: string }
}

/** What a snapshot of the model holds: the content of its volume when it was cut. */
export interface ModelSnapshot extends Snapshot {
  status?: Snapshot['status'] & { content?: string }
}

const isGoing = ({ metadata }: Claim) => metadata.deletionTimestamp !== undefined
const volumeOf = (api: ModelApi, claim: Claim | undefined) =>
  api.find<ModelVolume>(kinds.Volume, undefined, claim?.spec.volumeName ?? '')

/** Drivers of the model by what they can. */
export const drivers: Record<string, { clones: boolean }> = {
  'model.csi': { clones: false },
  'clones.csi': { clones: true },
  'plain.csi': { clones: false },
}

/** What the new volume holds at first; an error sentence where the driver can't make it. */
const contentFor = (api: ModelApi, claim: Claim, driver: string): { content?: string | undefined } | string => {
  const ref = claim.spec.dataSourceRef
  if (ref === undefined) return {}
  const { namespace } = claim.metadata
  if (ref.kind === 'VolumeSnapshot') {
    const snapshot = api.find<ModelSnapshot>(kinds.VolumeSnapshot, namespace, ref.name)
    return snapshot?.status?.readyToUse === true
      ? { content: snapshot.status.content }
      : `snapshot ${ref.name} is not there`
  }
  if (!drivers[driver]?.clones) return `${driver} can not clone`
  const volume = volumeOf(api, api.find<Claim>(kinds.Claim, namespace, ref.name))
  return volume === undefined ? `claim ${ref.name} has no volume` : { content: volume.status.content }
}

const complain = (api: ModelApi, claim: Claim, message: string): boolean => {
  const { name, namespace = '', uid = '' } = claim.metadata
  if (api.find(kinds.Event, namespace, `${name}.${uid}`)) return false
  api.seed({
    apiVersion: 'v1',
    kind: 'Event',
    metadata: { name: `${name}.${uid}`, namespace },
    involvedObject: { uid },
    reason: 'ProvisioningFailed',
    message,
  } as never)
  return true
}

const isTurn = (api: ModelApi, claim: Claim, { volumeBindingMode }: StorageClass): boolean => {
  const node = claim.metadata.annotations?.[selectedNodeAnnotation]
  if (claim.spec.volumeName || claim.spec.dataSourceRef?.apiGroup === 'granary.dev' || isGoing(claim)) return false
  if (api.find(kinds.Volume, undefined, `pvc-${claim.metadata.uid}`)) return false
  return node === undefined
    ? volumeBindingMode !== 'WaitForFirstConsumer'
    : api.find(kinds.Node, undefined, node) !== undefined
}

/** Makes volumes for claims of its classes, empty, restored or cloned; where the scheduler said, if the class waits for that. */
export const provisioner: Actor = (api) => {
  let acted = false
  for (const claim of api.all<Claim>(kinds.Claim)) {
    const storageClass = api.find<StorageClass>(kinds.StorageClass, undefined, claim.spec.storageClassName ?? '')
    const name = `pvc-${claim.metadata.uid}`
    if (storageClass === undefined || !isTurn(api, claim, storageClass)) continue
    const made = contentFor(api, claim, storageClass.provisioner)
    if (typeof made === 'string') {
      acted = complain(api, claim, made) || acted
      continue
    }
    api.seed<ModelVolume>({
      apiVersion: 'v1',
      kind: 'PersistentVolume',
      metadata: { name },
      spec: {
        capacity: { storage: claim.spec.resources?.requests?.storage ?? '1Gi' },
        accessModes: claim.spec.accessModes ?? [],
        storageClassName: storageClass.metadata.name,
        persistentVolumeReclaimPolicy: 'Delete',
        claimRef: {
          apiVersion: 'v1',
          kind: 'PersistentVolumeClaim',
          namespace: claim.metadata.namespace ?? '',
          name: claim.metadata.name,
          uid: claim.metadata.uid ?? '',
        },
        csi: { driver: storageClass.provisioner },
      },
      status: { phase: 'Available', ...(made.content === undefined ? {} : { content: made.content }) },
    })
    acted = true
  }
  return acted
}

/** Cuts snapshots of bound claims. Notes in `wild` those that were cut while a pod named the claim. */
export const snapshotter =
  (wild: string[] = []): Actor =>
  (api) => {
    let acted = false
    for (const snapshot of api.all<ModelSnapshot>(kinds.VolumeSnapshot)) {
      if (snapshot.status?.readyToUse !== undefined) continue
      const { name, namespace } = snapshot.metadata
      const claim = api.find<Claim>(kinds.Claim, namespace, snapshot.spec.source.persistentVolumeClaimName ?? '')
      const volume = volumeOf(api, claim)
      if (volume === undefined) continue
      const pods = api.all<{ spec?: { volumes?: unknown[] } } & Claim>(kinds.Pod, namespace)
      if (pods.some((pod) => JSON.stringify(pod.spec?.volumes ?? []).includes(`"${claim?.metadata.name}"`)))
        wild.push(name)
      api.change<ModelSnapshot>(kinds.VolumeSnapshot, namespace, name, (it) => {
        it.status = {
          readyToUse: true,
          creationTime: '2026-01-01T00:00:00Z',
          restoreSize: volume.spec.capacity?.storage ?? '1Gi',
          ...(volume.status.content === undefined ? {} : { content: volume.status.content }),
        }
      })
      acted = true
    }
    return acted
  }

export const snapshotClass = (name = 'snap', driver = 'model.csi'): SnapshotClass => ({
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshotClass',
  metadata: { name },
  driver,
})
