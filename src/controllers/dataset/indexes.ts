import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations, labels, parseVersionName } from '../../api/names.ts'
import { datasetOfContent } from '../../desired/in-use.ts'
import { entriesOf } from '../../desired/look.ts'
import type { ClaimObject, PodObject } from '../../desired/objects.ts'
import type { Volume } from '../../desired/volumes.ts'
import type { IndexFunction, KubeObject } from '../../kube/types.ts'
import { claimNamesOf } from './pods.ts'

/** Names of the indexes that this controller reads. */
export const index = {
  versionsByDataset: 'dataset.versions',
  claimsByDataset: 'dataset.claims',
  snapshotsByDataset: 'dataset.snapshots',
  podsByClaim: 'dataset.pods-by-claim',
  podsByVersion: 'dataset.pods-by-version',
  jobsByOwner: 'dataset.jobs-by-owner',
  moversByOwner: 'dataset.movers-by-owner',
  looksByUid: 'dataset.looks-by-uid',
  claimsByContent: 'dataset.claims-by-content',
  moversByDataset: 'dataset.movers-by-dataset',
} as const

const inNamespace = (object: KubeObject, name: string): string => `${object.metadata.namespace ?? ''}/${name}`

export const datasetOfVersion: IndexFunction = (object) => [
  inNamespace(object, (object as DatasetVersion).spec.dataset),
]

/** The Dataset of its namespace that a claim is filled from, or is kept by. */
export const datasetOfClaim: IndexFunction = (object) => {
  const source = (object as ClaimObject).spec?.dataSourceRef
  const { labels: own, namespace } = object.metadata
  if (['version', 'source'].includes(own?.[labels.role] ?? '') && own?.[labels.dataset])
    return [inNamespace(object, own[labels.dataset] ?? '')]
  if (source?.apiGroup !== kinds.group || source.kind !== kinds.Dataset.kind) return []
  const from = object.metadata.annotations?.[annotations.fromNamespace] ?? source.namespace ?? namespace
  return from === namespace ? [inNamespace(object, source.name)] : []
}

/** The Dataset that a volume was made for, of a share or of a directory of the nodes. */
export const datasetOfVolume: IndexFunction = (object) => {
  const { [labels.role]: role, [labels.dataset]: dataset } = object.metadata.labels ?? {}
  const namespace = (object as Volume).spec?.claimRef?.namespace
  return role === 'source' && dataset !== undefined && namespace !== undefined ? [`${namespace}/${dataset}`] : []
}

/** The Dataset of whose version a snapshot is. */
export const datasetOfSnapshot: IndexFunction = (object) => {
  const own = object.metadata.labels
  return own?.[labels.role] === 'snapshot' && own[labels.dataset]
    ? [inNamespace(object, own[labels.dataset] ?? '')]
    : []
}

/** Datasets whose read-only claims `<dataset>-v<N>` a pod names. */
export const versionsNamedBy: IndexFunction = (object) =>
  claimNamesOf(object as PodObject).flatMap((claim) => {
    const named = parseVersionName(claim)
    return named ? [inNamespace(object, named.dataset)] : []
  })

const ownerUid: IndexFunction = ({ metadata: { labels: own } }) => {
  const uid = own?.[labels.ownerUid]
  return uid === undefined || own?.[labels.role] !== 'mover' ? [] : [uid]
}

/** Movers, and their Jobs, that work for a version of a Dataset. */
const moversOfVersions: IndexFunction = (object) => {
  const own = object.metadata.labels ?? {}
  const dataset = own[labels.dataset]
  return dataset === undefined || own[labels.role] !== 'mover' || own[labels.version] === undefined
    ? []
    : [inNamespace(object, dataset)]
}

export const indexes = {
  [kinds.DatasetVersion.plural]: { [index.versionsByDataset]: datasetOfVersion },
  [kinds.Claim.plural]: { [index.claimsByDataset]: datasetOfClaim, [index.claimsByContent]: datasetOfContent },
  [kinds.VolumeSnapshot.plural]: { [index.snapshotsByDataset]: datasetOfSnapshot },
  [kinds.Pod.plural]: {
    [index.podsByClaim]: ((object) =>
      claimNamesOf(object as PodObject).map((claim) => inNamespace(object, claim))) as IndexFunction,
    [index.podsByVersion]: versionsNamedBy,
    [index.moversByOwner]: ownerUid,
    [index.moversByDataset]: moversOfVersions,
  },
  [kinds.Job.plural]: {
    [index.jobsByOwner]: ownerUid,
    [index.moversByDataset]: moversOfVersions,
    [index.looksByUid]: ((job) => entriesOf(job).map(({ uid }) => uid)) as IndexFunction,
  },
}
