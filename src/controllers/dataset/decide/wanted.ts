import type { DatasetVersion } from '../../../api/dataset-version.ts'
import * as kinds from '../../../api/kinds.ts'
import { annotations, labels } from '../../../api/names.ts'
import type { ClaimObject, PodObject } from '../../../desired/objects.ts'
import { hasEnded, mayWrite } from '../pods.ts'
import type { World } from '../world.ts'

const endPhases = ['Committed', 'Failed', 'Uncommitted', 'Abandoned', 'Expired', 'Deleting']

/** A claim of a person or a workload that makes versions of this Dataset. Claims of a DatasetVersion belong to that one. */
export const isOutput = (world: World, claim: ClaimObject): boolean => {
  const source = claim.spec?.dataSourceRef
  const { metadata } = claim
  return (
    source?.apiGroup === kinds.group &&
    source.kind === kinds.Dataset.kind &&
    source.name === world.dataset.metadata.name &&
    (source.namespace === undefined || source.namespace === metadata.namespace) &&
    metadata.annotations?.[annotations.access] === 'ReadWrite' &&
    metadata.labels?.[labels.role] === undefined &&
    !metadata.ownerReferences?.some((owner) => owner.kind === kinds.DatasetVersion.kind)
  )
}

/** Versions that were opened for this claim, the oldest first. */
export const versionsOf = (world: World, claim: ClaimObject): DatasetVersion[] =>
  world.versions
    .filter((version) => version.metadata.annotations?.[annotations.claimUid] === claim.metadata.uid)
    .sort((a, b) => (a.status?.sequence ?? Number.MAX_SAFE_INTEGER) - (b.status?.sequence ?? Number.MAX_SAFE_INTEGER))

/** A version that is written to, or will be. */
export const isOpenOutput = (version: DatasetVersion): boolean =>
  version.spec.from === undefined &&
  version.metadata.annotations?.[annotations.adopted] === undefined &&
  !endPhases.includes(version.status?.phase ?? 'Pending')

const mountedAgain = (world: World, claim: ClaimObject): PodObject | undefined =>
  world.pods.find(
    (pod) => !hasEnded(pod) && pod.metadata.deletionTimestamp === undefined && mayWrite(pod, claim.metadata.name),
  )

export interface Wanted {
  claim: ClaimObject
  /** The version that the claim made before. */
  last?: DatasetVersion | undefined
  /** The pod that mounts it again after that. */
  pod?: PodObject | undefined
}

/** Claims that need a version to be opened now. */
export const outputsWanted = (world: World): Wanted[] =>
  world.claims.flatMap((claim) => {
    if (!isOutput(world, claim) || claim.metadata.deletionTimestamp) return []
    const last = versionsOf(world, claim).at(-1)
    const pod = mountedAgain(world, claim)
    if (last && (isOpenOutput(last) || pod === undefined)) return []
    return [{ claim, last, pod }]
  })
