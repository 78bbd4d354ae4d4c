import * as kinds from '../../api/kinds.ts'
import { entriesOf } from '../../desired/look.ts'
import type { Controller, KubeObject } from '../../kube/types.ts'
import { decide } from './decide.ts'
import { indexes } from './indexes.ts'
import { observe } from './observe.ts'
import type { World } from './world.ts'

export { indexes }

const keyOf = ({ metadata }: KubeObject): string => `${metadata.namespace ?? ''}/${metadata.name}`

/**
 * Which StorageProviders there are and whose Jobs, learned from those that were seen: every Dataset of a namespace may use each of them, and a
 * pod names only its Job. What comes later brings its own event, so nothing is missed.
 */
const memory = () => {
  const providers = new Map<string, Set<string>>()
  const jobs = new Map<string, string[]>()
  const all = ({ metadata }: KubeObject): string[] => [...(providers.get(metadata.namespace ?? '') ?? [])]
  return {
    provider: (object: KubeObject): string[] => {
      const { namespace = '' } = object.metadata
      providers.set(namespace, (providers.get(namespace) ?? new Set()).add(keyOf(object)))
      return all(object)
    },
    dataset: all,
    job: (object: KubeObject): string[] => {
      const { namespace = '' } = object.metadata
      const keys = entriesOf(object)
        .filter(({ kind }) => kind === kinds.StorageProvider.kind)
        .map(({ name }) => `${namespace}/${name}`)
      if (keys.length > 0) jobs.set(keyOf(object), keys)
      return keys
    },
    pod: ({ metadata: { namespace = '', ownerReferences = [] } }: KubeObject): string[] =>
      ownerReferences.flatMap((owner) => jobs.get(`${namespace}/${owner.name}`) ?? []),
  }
}

/** What stores can do, and who uses them. Field manager `granary-provider`. */
export const providerController = (): Controller<World> => {
  const known = memory()
  return {
    name: 'provider',
    watches: [
      { kind: kinds.StorageProvider, keys: (object) => known.provider(object) },
      { kind: kinds.Dataset, keys: (object) => known.dataset(object) },
      { kind: kinds.Job, keys: (object) => known.job(object) },
      { kind: kinds.Pod, keys: (object) => known.pod(object) },
    ],
    observe,
    decide,
  }
}
