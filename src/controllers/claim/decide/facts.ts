import { Claim as ClaimKind, Volume as VolumeKind } from '../../../api/kinds.ts'
import type { KubeObject, Ref } from '../../../api/meta.ts'
import { annotations, finalizers, labels, managedBy, managedByLabel, type Role } from '../../../api/names.ts'
import type { PodObject } from '../../../desired/objects.ts'
import type { Claim, Volume } from '../../../desired/volumes.ts'
import type { World } from '../world.ts'

export type Access = 'ReadOnly' | 'ReadWrite' | 'Private'

/** What the claim may be used for; undefined for a word that means nothing. */
export const accessOf = (claim: Claim): Access | undefined => {
  const said = claim.metadata.annotations?.[annotations.access] ?? 'ReadOnly'
  return said === 'ReadOnly' || said === 'ReadWrite' || said === 'Private' ? said : undefined
}

export const roleOf = (object: KubeObject): Role | undefined =>
  object.metadata.labels?.[managedByLabel] === managedBy
    ? (object.metadata.labels[labels.role] as Role | undefined)
    : undefined

/** Granary made the claim, or its owner asks for it: it is filled before any pod needs it. */
export const fillsFirst = (claim: Claim): boolean =>
  roleOf(claim) !== undefined || claim.metadata.annotations?.[annotations.bind] === 'Immediate'

/** The claim may hold bytes that are nowhere else: its volume is kept until a version of them is committed, or nobody wants one. */
export const isOutput = ({ metadata }: Claim): boolean => metadata.finalizers?.includes(finalizers.finalize) ?? false

export const isLeaving = (object: KubeObject): boolean => object.metadata.deletionTimestamp !== undefined

/** A claim that names a volume is never populated, whatever its phase. */
export const isBound = (claim: Claim): boolean => (claim.spec.volumeName ?? '') !== ''

export const belongsTo = (volume: Volume | undefined, claim: Claim): boolean =>
  volume?.spec.claimRef?.uid !== undefined && volume.spec.claimRef.uid === claim.metadata.uid

/** The volume was given to the claim, whether it noticed or not. */
export const handedOver = ({ claim, volume, primeVolume }: World): Volume | undefined =>
  [volume, primeVolume].find((one) => belongsTo(one, claim))

/** A pod that is placed and has not ended: what it mounts may be written to. One that is not placed can't mount a claim that is being deleted. */
export const isActive = (pod: PodObject): boolean => pod.spec?.nodeName !== undefined && !hasEnded(pod)

export const hasEnded = (pod: PodObject): boolean => pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed'

export const claimRef = ({ metadata }: Claim): Ref => ({
  kind: ClaimKind,
  name: metadata.name,
  ...(metadata.namespace === undefined ? {} : { namespace: metadata.namespace }),
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
})

export const volumeRef = ({ metadata }: Volume): Ref => ({
  kind: VolumeKind,
  name: metadata.name,
  ...(metadata.uid === undefined ? {} : { uid: metadata.uid }),
})

/** What a claim was resolved to, once: written on it as JSON. A claim that starts empty has no `digest`. */
export interface Resolved {
  /** As it was asked for, the Dataset's owner named: `vision/mnist:latest`. */
  ref: string
  namespace: string
  dataset: string
  /** `v3`, or `none`. */
  version: string
  content?: { sequence: number; digest: string; root: string; files: number; bytes: number }
  digest?: string
}

/** What is written on the claim; undefined if nothing is, or nothing that can be read. */
export const resolvedOf = (claim: Claim): Resolved | undefined => {
  const text = claim.metadata.annotations?.[annotations.resolved]
  if (text === undefined) return undefined
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && 'dataset' in value ? (value as Resolved) : undefined
  } catch {
    return undefined
  }
}

/** What has the same key has the same bytes. */
export const contentKey = ({ namespace, dataset, version }: Resolved): string => `${namespace}/${dataset}:${version}`

/** Names of the claims that a pod mounts; those of generic ephemeral volumes are made of the names of pod and volume. */
export const claimsOf = ({ metadata, spec }: PodObject): string[] =>
  (spec?.volumes ?? []).flatMap(({ name, persistentVolumeClaim, ephemeral }) =>
    persistentVolumeClaim === undefined
      ? ephemeral === undefined
        ? []
        : [`${metadata.name}-${name}`]
      : [persistentVolumeClaim.claimName],
  )
