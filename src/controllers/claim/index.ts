import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import { annotations } from '../../api/names.ts'
import type { PodObject } from '../../desired/objects.ts'
import { type Claim, forClaimAnnotation, type Volume } from '../../desired/volumes.ts'
import type { Controller, KubeObject, Watching } from '../../kube/types.ts'
import { claimsOf } from './decide/facts.ts'
import { decide } from './decide.ts'
import { isOurs, observe } from './observe.ts'
import { WaitingClaims } from './waiting.ts'
import type { ClaimConfig, World } from './world.ts'

export { indexes } from './indexes.ts'

/** The claim that a prime, a mover or a rescue claim works for. */
const served = ({ metadata }: KubeObject): string[] => {
  const key = metadata.annotations?.[forClaimAnnotation]
  return key === undefined ? [] : [key]
}

const claimOfVolume = (object: KubeObject | undefined): string[] => {
  const ref = (object as Volume | undefined)?.spec.claimRef
  return ref?.name === undefined ? [] : [`${ref.namespace}/${ref.name}`]
}

const claimsOfVersion = (version: DatasetVersion): string[] =>
  [version.metadata.annotations?.[annotations.claim], version.status?.claimName].flatMap((name) =>
    name === undefined ? [] : [`${version.metadata.namespace}/${name}`],
  )

/**
 * Fills claims whose dataSourceRef names a Dataset or a DatasetVersion, and keeps what was written on them until it is committed. Claims that wait
 * for a version or a StorageClass look again by themselves; what a Dataset allows is heard of.
 */
export const claimController = (config: ClaimConfig): Controller<World> => {
  const waiting = new WaitingClaims()
  return {
    name: 'claim',
    watches: watches(waiting),
    observe: async (reader, key, now) => {
      const world = await observe(config, reader, key, now)
      if (world === undefined) waiting.forget(key)
      return world
    },
    decide,
  }
}

const watches = (waiting: WaitingClaims): Watching[] => [
  {
    kind: kinds.Claim,
    keys: (claim) => {
      waiting.note(claim as Claim)
      return [
        ...(isOurs(claim as Claim) ? [`${claim.metadata.namespace}/${claim.metadata.name}`] : []),
        ...served(claim),
      ]
    },
  },
  { kind: kinds.Dataset, keys: (dataset, old) => waiting.onDataset(dataset, old) },
  { kind: kinds.Namespace, keys: (namespace, old) => waiting.onNamespace(namespace, old) },
  { kind: kinds.Volume, keys: (volume, old) => [...claimOfVolume(volume), ...claimOfVolume(old)] },
  { kind: kinds.Job, keys: served },
  { kind: kinds.VolumeSnapshot, keys: served },
  {
    kind: kinds.Pod,
    keys: (pod) => [...served(pod), ...claimsOf(pod as PodObject).map((name) => `${pod.metadata.namespace}/${name}`)],
  },
  { kind: kinds.DatasetVersion, keys: (version) => claimsOfVersion(version as DatasetVersion) },
]
