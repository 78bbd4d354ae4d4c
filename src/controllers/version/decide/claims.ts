import { annotations, childLabels, finalizers } from '../../../api/names.ts'
import { ownerReferences } from '../../../desired/labels.ts'
import type { ClaimObject } from '../../../desired/objects.ts'
import type { World } from '../world.ts'

/** Whether the claim was made for a person's version: it goes with it. */
export const isOwnClaim = (world: World, claim: ClaimObject): boolean =>
  claim.metadata.ownerReferences?.some((owner) => owner.uid === world.version.metadata.uid) ?? false

/** Whether the version is written through a claim that somebody else made. */
export const hasForeignClaim = ({ version, spec }: Pick<World, 'version' | 'spec'>): boolean =>
  version.metadata.annotations?.[annotations.claim] !== undefined || spec.from?.claim !== undefined

/** The claim that the version is written through; it may be gone, and its bytes on a rescue claim. */
export const claimNameOf = ({ version, spec }: Pick<World, 'version' | 'spec'>): string =>
  spec.from?.claim?.name ?? version.metadata.annotations?.[annotations.claim] ?? version.metadata.name

/** The claim to write in of a person's version: filled by what it is based on, and an output like any other. */
export const workingClaim = (world: World): ClaimObject => {
  const { version, spec, datasetSpec, config } = world
  const { name, namespace = '', uid = '' } = version.metadata
  const volume = { ...datasetSpec?.outputs?.volume, ...spec.volume }
  const storageClassName = volume.storageClassName ?? config.defaultStorageClass
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: {
      name,
      namespace,
      labels: childLabels({
        role: 'working',
        ownerUid: uid,
        dataset: spec.dataset,
        ...(version.status?.version === undefined ? {} : { version: version.status.version }),
      }),
      annotations: {
        [annotations.access]: 'ReadWrite',
        [annotations.version]: spec.base ?? 'none',
        [annotations.openVersion]: name,
      },
      finalizers: [finalizers.finalize],
      ownerReferences: ownerReferences(version, namespace),
    },
    spec: {
      accessModes: volume.accessModes ?? ['ReadWriteOnce'],
      resources: { requests: { storage: String(volume.size ?? config.defaultOutputSize) } },
      ...(storageClassName === undefined ? {} : { storageClassName }),
      dataSourceRef: { apiGroup: 'granary.dev', kind: 'DatasetVersion', name },
    },
  }
}

/** What Granary wrote on a claim about its content; undefined if nothing is there yet, or it starts empty. */
export const contentOf = (
  claim: ClaimObject,
):
  | {
      ref: string
      namespace?: string
      dataset?: string
      version: string
      digest: string
      content?: { sequence: number; root: string }
    }
  | undefined => {
  const text = claim.metadata.annotations?.[annotations.resolved]
  if (text === undefined) return undefined
  try {
    const found = JSON.parse(text) as Partial<
      Record<'ref' | 'namespace' | 'dataset' | 'version' | 'digest', string>
    > & {
      content?: { sequence: number; root: string }
    }
    const { ref, namespace, dataset, version, digest, content } = found
    if (ref === undefined || version === undefined || digest === undefined) return undefined
    return {
      ref,
      version,
      digest,
      ...(namespace === undefined ? {} : { namespace }),
      ...(dataset === undefined ? {} : { dataset }),
      ...(content === undefined ? {} : { content: { sequence: content.sequence, root: content.root } }),
    }
  } catch {
    return undefined
  }
}
