import { annotations, primeName } from '../api/names.ts'
import { childLabels, ownerReferences } from './labels.ts'
import type { DataSource } from './snapshot.ts'
import { type Claim, forClaimAnnotation, selectedNodeAnnotation } from './volumes.ts'

export interface PrimeInput {
  claim: Claim
  /** The Dataset's: credentials stay there. */
  namespace: string
  dataset: string
  version: string
  /** Of what it is filled with; empty if with nothing. */
  digest: string
  /** As a quantity. */
  size: string
  /** What a mover can write to, even if the claim is to be read only. */
  accessModes: string[]
  /** The scheduler's choice for the claim. */
  node?: string | undefined
  /** What its driver makes it from; absent: empty. */
  dataSource?: DataSource | undefined
  /** As it is written on the claim. */
  strategy?: string | undefined
}

/** On a prime: the node that was copied to it. The provisioner takes the scheduler's annotation off when it can't make a volume there. */
export const primeNodeAnnotation = 'granary.dev/selected-node'

/**
 * The claim whose volume is filled for another claim, and then given to it. One per claim, named by its uid. Its data source, if it has one, is
 * of a kind that its driver knows: a provisioner ignores claims with any other.
 */
export const primeClaim = ({
  claim,
  namespace,
  dataset,
  version,
  digest,
  size,
  accessModes,
  node,
  dataSource,
  strategy,
}: PrimeInput): Claim => {
  const { uid = '' } = claim.metadata
  const { storageClassName, volumeMode, volumeAttributesClassName } = claim.spec
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name: primeName(uid),
      namespace,
      labels: childLabels({ role: 'prime', ownerUid: uid, dataset, version }),
      annotations: {
        [annotations.digest]: digest,
        [forClaimAnnotation]: `${claim.metadata.namespace}/${claim.metadata.name}`,
        ...(strategy === undefined ? {} : { [annotations.strategy]: strategy }),
        ...(node === undefined ? {} : { [selectedNodeAnnotation]: node, [primeNodeAnnotation]: node }),
      },
      ownerReferences: ownerReferences(claim, namespace),
    },
    spec: {
      accessModes,
      resources: { requests: { storage: size } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
      ...(dataSource === undefined ? {} : { dataSourceRef: dataSource }),
      ...(volumeMode === undefined ? {} : { volumeMode }),
      ...(volumeAttributesClassName === undefined ? {} : { volumeAttributesClassName }),
    },
  }
}
