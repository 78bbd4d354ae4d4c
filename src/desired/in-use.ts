import type { DatasetVersion } from '../api/dataset-version.ts'
import type { KubeObject } from '../api/meta.ts'
import { annotations, labels, parseVersionTag } from '../api/names.ts'
import { hasEnded, type PodObject } from './objects.ts'
import { filledFromAnnotation, type Volume } from './volumes.ts'

/** Which version a claim was filled with, or is being filled: `namespace/name` of the Dataset, and the number. */
export const contentOfClaim = ({ metadata }: KubeObject): { dataset: string; sequence: number } | undefined => {
  const text = metadata.annotations?.[annotations.resolved]
  if (text === undefined) return undefined
  try {
    const { namespace, dataset, version } = JSON.parse(text) as Record<string, string>
    const sequence = parseVersionTag(version ?? '')
    return sequence === undefined ? undefined : { dataset: `${namespace}/${dataset}`, sequence }
  } catch {
    return undefined
  }
}

/** An index function: the Dataset whose content a claim has, wherever the claim is. */
export const datasetOfContent = (object: KubeObject): string[] => {
  const content = contentOfClaim(object)
  return content === undefined ? [] : [content.dataset]
}

/**
 * Whether a claim can be believed that it holds content of the Dataset (`namespace/name`). Whoever may write a claim may write its annotations, so one of
 * another namespace counts only where the Dataset lets that namespace read, or where the volume says that Granary filled it for just this claim.
 */
export const isHolder = (
  claim: KubeObject,
  dataset: string,
  { isAllowed, volume }: { isAllowed: boolean; volume: Volume | undefined },
): boolean => {
  if (claim.metadata.namespace === dataset.split('/')[0] || isAllowed) return true
  return (
    volume?.metadata.annotations?.[filledFromAnnotation] === dataset && volume.spec.claimRef?.uid === claim.metadata.uid
  )
}

const claimNamesOf = (pod: PodObject): string[] =>
  (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName]
    return volume.ephemeral ? [`${pod.metadata.name}-${volume.name}`] : []
  })

/** Names of pods that have not ended and mount the claim. */
const podsOn = (claim: KubeObject, pods: readonly PodObject[]): PodObject[] =>
  pods.filter(
    (pod) =>
      !hasEnded(pod) &&
      pod.metadata.namespace === claim.metadata.namespace &&
      claimNamesOf(pod).includes(claim.metadata.name),
  )

export interface Uses {
  /** `namespace/name` of the Dataset. */
  dataset: string
  sequence: number
  /** Claims that have content of this Dataset, in any namespace. */
  claims: readonly KubeObject[]
  /** Pods that mount them. */
  pods: readonly PodObject[]
  /** Versions of the Dataset. */
  versions: readonly DatasetVersion[]
}

const over: readonly (string | undefined)[] = ['Committed', 'Failed', 'Abandoned', 'Expired', 'Deleting']

/** Open versions that start with this one, or refer to its bytes. */
const children = ({ sequence, versions }: Uses): string[] =>
  versions
    .filter(({ spec, status }) => {
      if (status?.sequence === undefined || over.includes(status.phase) || status.sequence === sequence) return false
      return [
        status.base?.sequence,
        status.parent,
        parseVersionTag(spec.base ?? ''),
        parseVersionTag(spec.from?.version ?? ''),
      ].includes(sequence)
    })
    .map(({ metadata }) => `DatasetVersion ${metadata.name}`)

const isWorking = ({ metadata }: KubeObject): boolean =>
  metadata.annotations?.[annotations.access] === 'ReadWrite' || metadata.labels?.[labels.role] === 'working'

/**
 * What uses a version, in words: pods that mount it, claims that hold it, and open versions that build on it. A claim that Granary keeps ready
 * counts only while a pod is on it; one that is written to belongs to its own version.
 */
export const usersOf = (uses: Uses): string[] => {
  const home = uses.dataset.split('/')[0]
  const named = (object: KubeObject) =>
    object.metadata.namespace === home ? object.metadata.name : `${object.metadata.namespace}/${object.metadata.name}`
  const held = uses.claims.filter((claim) => {
    const content = contentOfClaim(claim)
    return content?.dataset === uses.dataset && content.sequence === uses.sequence && !isWorking(claim)
  })
  const pods = held.flatMap((claim) => podsOn(claim, uses.pods)).map((pod) => `pod ${named(pod)}`)
  const claims = held
    .filter((claim) => claim.metadata.labels?.[labels.role] !== 'version' && podsOn(claim, uses.pods).length === 0)
    .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
    .map((claim) => `claim ${named(claim)}`)
  return [...new Set([...pods, ...claims, ...children(uses)])]
}
