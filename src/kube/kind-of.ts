import type { Kind, KubeObject, Ref } from './types.ts'

/** The API server's rule for the plural of a kind; holds for every kind that Kubernetes or we have, Endpoints excepted. */
const pluralOf = (kind: string): string => {
  const lower = kind.toLowerCase()
  if (/(s|x|z|ch|sh)$/.test(lower)) return `${lower}es`
  return /[^aeiou]y$/.test(lower) ? `${lower.slice(0, -1)}ies` : `${lower}s`
}

/** The kind of an object that says its apiVersion and kind. Namespaced when its metadata has a namespace. */
export const kindOf = (object: KubeObject): Kind => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  plural: pluralOf(object.kind),
  namespaced: object.metadata.namespace !== undefined,
})

/** That very object, by uid when it has one. */
export const refOf = (object: KubeObject): Ref => {
  const { name, namespace, uid } = object.metadata
  return { kind: kindOf(object), name, ...(namespace ? { namespace } : {}), ...(uid ? { uid } : {}) }
}

/** `namespace/name`, or `name` for what has no namespace. */
export const keyOf = (object: KubeObject): string => keyFor(object.metadata.namespace, object.metadata.name)

export const keyFor = (namespace: string | undefined, name: string): string =>
  namespace ? `${namespace}/${name}` : name

export const splitKey = (key: string): { namespace: string | undefined; name: string } => {
  const slash = key.indexOf('/')
  return slash < 0
    ? { namespace: undefined, name: key }
    : { namespace: key.slice(0, slash), name: key.slice(slash + 1) }
}

/** Group and plural: one string per kind, whatever the version. */
export const kindKey = (kind: Kind): string => {
  const slash = kind.apiVersion.indexOf('/')
  return slash < 0 ? kind.plural : `${kind.plural}.${kind.apiVersion.slice(0, slash)}`
}

/** For messages: `Job vision/granary-import-1`. */
export const describeRef = (ref: Ref): string => `${ref.kind.kind} ${keyFor(ref.namespace, ref.name)}`
