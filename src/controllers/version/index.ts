import type { Dataset } from '../../api/dataset.ts'
import * as kinds from '../../api/kinds.ts'
import { labels } from '../../api/names.ts'
import type { PodObject } from '../../desired/objects.ts'
import type { Controller, KubeObject } from '../../kube/types.ts'
import { claimNameOf } from './decide/claims.ts'
import { decide } from './decide.ts'
import { contentKey, contentOfClaim, ownerOfSnapshot } from './indexes.ts'
import { Interests } from './interests.ts'
import { observe } from './observe.ts'
import { claimNamesOf } from './pods.ts'
import type { VersionConfig, World } from './world.ts'

export { indexes } from './indexes.ts'

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

const topic = {
  dataset: (namespace: string | undefined, name: string) => `dataset ${namespace}/${name}`,
  namespace: (name: string | undefined) => `namespace ${name}`,
  claim: (namespace: string | undefined, name: string) => `claim ${namespace}/${name}`,
  content: (content: string) => `content ${content}`,
  uid: (uid: string | undefined) => `uid ${uid}`,
}

const isSettled = ({ version }: World): boolean =>
  ['Committed', 'Failed', 'Abandoned', 'Expired'].includes(version.status?.phase ?? '')

/** What this version wants to hear of. One that is committed hears of its Dataset's changes only while it is the newest (see `watches`). */
const topicsOf = (world: World): string[] => {
  const { version, spec, rescue, pods, owners } = world
  const { namespace, uid } = version.metadata
  const content = contentKey(version)
  const always = [
    topic.uid(uid),
    topic.claim(namespace, claimNameOf(world)),
    ...(content === undefined ? [] : [topic.content(content)]),
  ]
  if (isSettled(world) && version.metadata.deletionTimestamp === undefined) return always
  return [
    ...always,
    topic.dataset(namespace, spec.dataset),
    topic.namespace(namespace),
    ...(rescue === undefined ? [] : [topic.claim(namespace, rescue.metadata.name)]),
    ...[...pods, ...owners].map((object) => topic.uid(object.metadata.uid)),
    ...(version.status?.users ?? []).map((user) => topic.uid(user.uid)),
  ]
}

/** Versions that the Dataset says go or came back: their objects are to say so too. */
const toldOf = (dataset: KubeObject): string[] => {
  const { tombstones = [], restored = [] } = (dataset as Dataset).status ?? {}
  const { namespace = '', name } = dataset.metadata
  const named = tombstones.flatMap((one) => (one.name === undefined ? [] : [`${namespace}/${one.name}`]))
  return [...named, ...restored.map((one) => `${namespace}/${one.name ?? `${name}-${one.version}`}`)]
}

const latestOf = (dataset: KubeObject): string[] => {
  const latest = (dataset as Dataset).status?.latest?.name
  return latest === undefined ? [] : [`${dataset.metadata.namespace ?? ''}/${latest}`]
}

const aboutPod = (object: KubeObject): string[] => {
  const { namespace, uid, labels: own } = object.metadata
  return [
    topic.uid(uid),
    topic.uid(own?.[labels.ownerUid]),
    ...claimNamesOf(object as PodObject).map((claim) => topic.claim(namespace, claim)),
  ]
}

/**
 * Imports, working versions until they are committed, mirrors. Field manager `granary-version`. Writers whose kind no cache holds
 * (StatefulSets, TaskRuns, Workflows) are asked for at intervals while one of them is unfinished.
 */
export const versionController = (config: VersionConfig): Controller<World> => {
  const interests = new Interests()
  const hear = (topics: string[]) => interests.keys(topics)
  return {
    name: 'version',
    watches: [
      { kind: kinds.DatasetVersion, keys: (version) => [keyOf(version)] },
      {
        kind: kinds.Dataset,
        keys: (dataset, old) => [
          ...hear([topic.dataset(dataset.metadata.namespace, dataset.metadata.name)]),
          ...latestOf(dataset),
          ...toldOf(dataset),
          ...(old === undefined ? [] : toldOf(old)),
          ...(old === undefined ? [] : latestOf(old)),
        ],
      },
      { kind: kinds.StorageProvider, keys: ({ metadata }) => hear([topic.namespace(metadata.namespace)]) },
      { kind: kinds.Namespace, keys: ({ metadata }) => hear([topic.namespace(metadata.name)]) },
      {
        kind: kinds.Claim,
        keys: (claim) =>
          hear([
            topic.claim(claim.metadata.namespace, claim.metadata.name),
            ...contentOfClaim(claim).map(topic.content),
          ]),
      },
      { kind: kinds.VolumeSnapshot, keys: (snapshot) => hear(ownerOfSnapshot(snapshot).map(topic.uid)) },
      { kind: kinds.Pod, keys: (pod) => hear(aboutPod(pod)) },
      {
        kind: kinds.Job,
        keys: ({ metadata }) => hear([topic.uid(metadata.uid), topic.uid(metadata.labels?.[labels.ownerUid])]),
      },
    ],
    observe: async (reader, key, now) => {
      const world = await observe(config, reader, key, now)
      interests.set(key, world === undefined ? [] : topicsOf(world))
      return world
    },
    decide,
  }
}
