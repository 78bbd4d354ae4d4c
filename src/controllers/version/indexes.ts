import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import { datasetOfContent } from '../../desired/in-use.ts'
import type { ClaimObject, PodObject } from '../../desired/objects.ts'
import type { IndexFunction } from '../../kube/types.ts'
import { contentOf } from './decide/claims.ts'
import { claimNamesOf } from './pods.ts'

/** Names of the indexes that this controller reads. */
export const index = {
  versionsByDataset: 'version.versions-by-dataset',
  podsByClaim: 'version.pods-by-claim',
  jobsByOwner: 'version.jobs-by-owner',
  moversByOwner: 'version.movers-by-owner',
  claimsByContent: 'version.claims-by-content',
  claimsByVersion: 'version.claims-by-version',
  snapshotsByOwner: 'version.snapshots-by-owner',
} as const

const versionsByDataset: IndexFunction = (object) => [
  `${object.metadata.namespace}/${(object as DatasetVersion).spec.dataset}`,
]

const podsByClaim: IndexFunction = (object) =>
  claimNamesOf(object as PodObject).map((claim) => `${object.metadata.namespace}/${claim}`)

const moversByOwner: IndexFunction = ({ metadata }) => {
  const uid = metadata.labels?.[labels.ownerUid]
  return uid === undefined || metadata.labels?.[labels.role] !== 'mover' ? [] : [uid]
}

/** Which version is on a claim: `namespace/dataset:v3`. */
export const contentOfClaim: IndexFunction = (object) => {
  const { namespace, dataset, version } = contentOf(object as ClaimObject) ?? {}
  return version === undefined ? [] : [`${namespace}/${dataset}:${version}`]
}

/** What a claim with this version on it is found by. */
export const contentKey = ({ metadata, spec, status }: DatasetVersion): string | undefined =>
  status?.version === undefined ? undefined : `${metadata.namespace}/${spec.dataset}:${status.version}`

/** The version that a snapshot is of. */
export const ownerOfSnapshot: IndexFunction = ({ metadata }) => {
  const uid = metadata.labels?.[labels.ownerUid]
  return uid === undefined || metadata.labels?.[labels.role] !== 'snapshot' ? [] : [uid]
}

export const indexes = {
  [kinds.VolumeSnapshot.plural]: { [index.snapshotsByOwner]: ownerOfSnapshot },
  [kinds.DatasetVersion.plural]: { [index.versionsByDataset]: versionsByDataset },
  [kinds.Claim.plural]: {
    [index.claimsByContent]: datasetOfContent,
    [index.claimsByVersion]: contentOfClaim,
  },
  [kinds.Pod.plural]: { [index.podsByClaim]: podsByClaim, [index.moversByOwner]: moversByOwner },
  [kinds.Job.plural]: { [index.jobsByOwner]: moversByOwner },
}
