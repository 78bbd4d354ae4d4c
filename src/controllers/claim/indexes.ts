import type { DatasetVersion } from '../../api/dataset-version.ts'
import { annotations, labels } from '../../api/names.ts'
import type { PodObject } from '../../desired/objects.ts'
import type { Claim, Volume } from '../../desired/volumes.ts'
import type { IndexFunction, KubeObject } from '../../kube/types.ts'
import { claimsOf, contentKey, resolvedOf, roleOf } from './decide/facts.ts'

const byLabel =
  (label: string): IndexFunction =>
  ({ metadata }) =>
    metadata.labels?.[label] === undefined ? [] : [metadata.labels[label]]

/** Names of the indexes, as `observe` asks for them. */
export const index = {
  ownerUid: 'claim:owner-uid',
  primesOfDataset: 'claim:primes-of-dataset',
  claimUid: 'claim:claim-uid',
  usedClaim: 'claim:used-claim',
  dataset: 'claim:dataset',
  content: 'claim:content',
} as const

/** What the caches must be able to find for this controller: by `kindKey`, then by index. */
export const indexes: Record<string, Record<string, IndexFunction>> = {
  persistentvolumeclaims: {
    [index.ownerUid]: byLabel(labels.ownerUid),
    [index.primesOfDataset]: (object: KubeObject) =>
      roleOf(object) === 'prime' ? [`${object.metadata.namespace}/${object.metadata.labels?.[labels.dataset]}`] : [],
    [index.content]: (object: KubeObject) => {
      const resolved = resolvedOf(object as Claim)
      return resolved?.content === undefined ? [] : [contentKey(resolved)]
    },
  },
  persistentvolumes: {
    [index.claimUid]: (object: KubeObject) => {
      const uid = (object as Volume).spec.claimRef?.uid
      return uid === undefined ? [] : [uid]
    },
  },
  pods: {
    [index.ownerUid]: byLabel(labels.ownerUid),
    [index.usedClaim]: (object: KubeObject) =>
      claimsOf(object as PodObject).map((name) => `${object.metadata.namespace}/${name}`),
  },
  'volumesnapshots.snapshot.storage.k8s.io': { [index.ownerUid]: byLabel(labels.ownerUid) },
  'jobs.batch': { [index.ownerUid]: byLabel(labels.ownerUid) },
  'datasetversions.granary.dev': {
    [index.dataset]: (object: KubeObject) => [
      `${object.metadata.namespace}/${(object as DatasetVersion).spec.dataset}`,
    ],
    [index.claimUid]: ({ metadata }: KubeObject) => {
      const uid = metadata.annotations?.[annotations.claimUid]
      return uid === undefined ? [] : [uid]
    },
  },
}
