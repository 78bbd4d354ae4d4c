import type { DatasetSpec } from '../../api/dataset.ts'
import type { DatasetVersion, DatasetVersionSpec } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import type { KubeObject } from '../../api/meta.ts'
import type { ClaimObject } from '../../desired/objects.ts'
import { announcedFor, type SnapshotClass, snapshotClassFor } from '../../desired/snapshot.ts'
import type { StorageClass } from '../../desired/volumes.ts'
import type { Reader } from '../../kube/types.ts'
import type { Keeping, VersionConfig } from './world.ts'

const isDefault = ({ metadata }: StorageClass): boolean =>
  metadata.annotations?.['storageclass.kubernetes.io/is-default-class'] === 'true'

interface Attachment extends KubeObject {
  spec: { source: { persistentVolumeName?: string } }
}

const isAttached = async (reader: Reader, volume: string | undefined): Promise<boolean> => {
  const attachments = await reader.list<Attachment>(kinds.VolumeAttachment)
  return attachments.some(({ spec }) => spec.source.persistentVolumeName === volume)
}

/** Only asked from the end of the writing until the snapshot is there: at all other times nothing hangs on it. */
export const keepingOf = async (
  reader: Reader,
  config: VersionConfig,
  seen: {
    version: DatasetVersion
    spec: DatasetVersionSpec
    dataset: DatasetSpec | undefined
    claim: ClaimObject | undefined
    now: number
  },
): Promise<Keeping | undefined> => {
  const { version, spec, dataset, claim, now } = seen
  const waits = version.status?.phase === 'Committed' && announcedFor(version, now)
  const volume = dataset?.volume
  if (spec.from !== undefined || (version.status?.phase !== 'Finalizing' && !waits) || !volume || !claim)
    return undefined
  const classes = await reader.list<StorageClass>(kinds.StorageClass)
  const named = (name: string | undefined) => classes.find(({ metadata }) => metadata.name === name)
  const keptIn = volume.storageClassName ?? config.defaultStorageClass
  const provisioner = named(claim.spec?.storageClassName)?.provisioner
  const kept = keptIn === undefined ? classes.find(isDefault) : named(keptIn)
  if (provisioner === undefined || kept?.provisioner !== provisioner) return undefined
  const snapshotClass = snapshotClassFor(
    await reader.list<SnapshotClass>(kinds.VolumeSnapshotClass),
    provisioner,
    volume.volumeSnapshotClassName,
  )?.metadata.name
  if (snapshotClass === undefined) return undefined
  return { snapshotClass, attached: waits && (await isAttached(reader, claim.spec?.volumeName)) }
}
