import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { entriesOf } from '../../desired/look.ts'
import type { PodObject } from '../../desired/objects.ts'
import type { Controller, KubeObject, Watching } from '../../kube/types.ts'
import { decide } from './decide.ts'
import {
  datasetOfClaim,
  datasetOfSnapshot,
  datasetOfVersion,
  datasetOfVolume,
  indexes,
  versionsNamedBy,
} from './indexes.ts'
import { observe } from './observe.ts'
import { claimNamesOf } from './pods.ts'
import type { DatasetConfig, World } from './world.ts'

export { indexes }

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

/** The Dataset that owns a mover's Job, or those for which it looks. */
const datasetsOfJob = (job: KubeObject): string[] => {
  const owners = job.metadata.ownerReferences ?? []
  return [...owners, ...entriesOf(job)]
    .filter(({ kind }) => kind === kinds.Dataset.kind)
    .map(({ name }) => `${job.metadata.namespace ?? ''}/${name}`)
}

const both =
  (keys: (object: KubeObject) => string[]): Watching['keys'] =>
  (object, old) => [...new Set([...keys(object), ...(old ? keys(old) : [])])]

/**
 * What an object that names no Dataset is about: pods name claims, and a StorageProvider concerns every Dataset of its namespace.
 * It is learned from the claims, Jobs and Datasets that were seen; one that comes later brings its own event, so nothing is missed.
 */
const memory = () => {
  const datasets = new Map<string, Set<string>>()
  const claims = new Map<string, string[]>()
  const jobs = new Map<string, string[]>()
  /** By alias: what it names. */
  const aliases = new Map<string, string>()
  const aliasesThat = (fits: (alias: string, target: string) => boolean): string[] =>
    [...aliases].filter(([alias, target]) => fits(alias, target)).map(([alias]) => alias)
  return {
    dataset: (object: KubeObject): string[] => {
      const { namespace = '' } = object.metadata
      const key = keyOf(object)
      datasets.set(namespace, (datasets.get(namespace) ?? new Set()).add(key))
      const target = (object as Dataset).spec?.source?.dataset
      if (target === undefined) aliases.delete(key)
      else aliases.set(key, `${target.namespace}/${target.name}`)
      return [key, ...aliasesThat((_, named) => named === key)]
    },
    /** What a Dataset allows may depend on the labels of a namespace. */
    namespace: ({ metadata }: KubeObject): string[] => aliasesThat((alias) => alias.startsWith(`${metadata.name}/`)),
    claim: (object: KubeObject): string[] => {
      const keys = datasetOfClaim(object)
      if (keys.length > 0) claims.set(keyOf(object), keys)
      return keys
    },
    job: (object: KubeObject): string[] => {
      const keys = datasetsOfJob(object)
      if (keys.length > 0) jobs.set(keyOf(object), keys)
      return keys
    },
    pod: (object: KubeObject): string[] => {
      const { namespace = '', ownerReferences = [] } = object.metadata
      return [
        ...versionsNamedBy(object),
        ...claimNamesOf(object as PodObject).flatMap((claim) => claims.get(`${namespace}/${claim}`) ?? []),
        ...ownerReferences.flatMap((owner) => jobs.get(`${namespace}/${owner.name}`) ?? []),
      ]
    },
    provider: (object: KubeObject): string[] => [...(datasets.get(object.metadata.namespace ?? '') ?? [])],
  }
}

/** Stores, adoption, looks at the source, numbers, tags, and the opening of versions. Field manager `granary-dataset`. */
export const datasetController = (config: DatasetConfig): Controller<World> => {
  const known = memory()
  return {
    name: 'dataset',
    watches: [
      { kind: kinds.Dataset, keys: (object) => known.dataset(object) },
      { kind: kinds.DatasetVersion, keys: both(datasetOfVersion) },
      { kind: kinds.Claim, keys: both(known.claim) },
      { kind: kinds.VolumeSnapshot, keys: both(datasetOfSnapshot) },
      { kind: kinds.Job, keys: both(known.job) },
      { kind: kinds.Pod, keys: both(known.pod) },
      { kind: kinds.Namespace, keys: (object) => known.namespace(object) },
      { kind: kinds.StorageProvider, keys: both(known.provider) },
      { kind: kinds.Volume, keys: both(datasetOfVolume) },
    ],
    observe: (reader, key, now) => observe(config, reader, key, now),
    decide,
  }
}
