import { group, DatasetVersion as VersionKind } from '../api/kinds.ts'
import type { KubeObject } from '../api/meta.ts'
import { annotations, childLabels, finalizers, labels, managedBy, managedByLabel, maxNameLength } from '../api/names.ts'
import { ownerReferences } from './labels.ts'
import { readRescued } from './rescue.ts'
import { type Claim, forClaimAnnotation, rescuedAnnotation, type Volume } from './volumes.ts'

/** Name of the version, and of its claim, that the bytes of a rescue claim become. */
export const adoptedName = (dataset: string, rescue: Claim): string => {
  const end = `-rescued-${rescue.metadata.uid?.slice(0, 8)}`
  return `${dataset.slice(0, maxNameLength - end.length)}${end}`
}

/** The version that is committed from the bytes of a rescue claim: as a person's own decision, whatever became of their writer. */
export const adoptedVersion = (rescue: Claim, namespace: string, dataset: string): KubeObject & { spec: object } => {
  const rescued = readRescued(rescue)
  const name = adoptedName(dataset, rescue)
  const from = rescued === undefined ? rescue.metadata.name : `${rescued.namespace}/${rescued.name}`
  return {
    apiVersion: VersionKind.apiVersion,
    kind: VersionKind.kind,
    metadata: {
      name,
      namespace,
      labels: { [managedByLabel]: managedBy, [labels.ownerUid]: rescue.metadata.uid ?? '' },
      // The claim is named: otherwise an empty one would be made for it.
      annotations: { [annotations.claim]: name },
      finalizers: [finalizers.version],
    },
    spec: {
      dataset,
      message: rescued?.message ?? `Rescued from ${from}`,
      ...(rescued?.tags === undefined ? {} : { tags: rescued.tags }),
      commit: 'Manual',
      committed: true,
    },
  }
}

/** The claim that takes the volume of a rescue claim over, and goes with its version's commit. */
export const adoptingClaim = (rescue: Claim, volume: Volume, version: KubeObject, dataset: string): Claim => {
  const { name, namespace = '' } = version.metadata
  const notes = rescue.metadata.annotations?.[rescuedAnnotation]
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace,
      labels: childLabels({ role: 'working', ownerUid: rescue.metadata.uid ?? '', dataset }),
      annotations: {
        [annotations.access]: 'ReadWrite',
        [annotations.openVersion]: name,
        [forClaimAnnotation]: `${rescue.metadata.namespace}/${rescue.metadata.name}`,
        // Whoever commits it reads the files as the one who wrote them.
        ...(notes === undefined ? {} : { [rescuedAnnotation]: notes }),
      },
      finalizers: [finalizers.finalize],
      ownerReferences: ownerReferences(version, namespace),
    },
    spec: {
      ...rescue.spec,
      volumeName: volume.metadata.name,
      dataSourceRef: { apiGroup: group, kind: VersionKind.kind, name },
    },
  }
}
