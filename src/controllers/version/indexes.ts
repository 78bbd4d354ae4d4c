import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import { datasetOfContent } from '../../desired/in-use.ts'
import type { PodObject } from '../../desired/objects.ts'
import type { IndexFunction } from '../../kube/types.ts'
import { claimNamesOf } from './pods.ts'

/** Names of the indexes that this controller reads. */
export const index = {
  versionsByDataset: 'version.versions-by-dataset',
  podsByClaim: 'version.pods-by-claim',
  jobsByOwner: 'version.jobs-by-owner',
  moversByOwner: 'version.movers-by-owner',
  claimsByContent: 'version.claims-by-content',
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

export const indexes = {
  [kinds.DatasetVersion.plural]: { [index.versionsByDataset]: versionsByDataset },
  [kinds.Claim.plural]: { [index.claimsByContent]: datasetOfContent },
  [kinds.Pod.plural]: { [index.podsByClaim]: podsByClaim, [index.moversByOwner]: moversByOwner },
  [kinds.Job.plural]: { [index.jobsByOwner]: moversByOwner },
}
