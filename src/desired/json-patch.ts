import type { KubeObject } from '../api/meta.ts'

interface Op {
  op: 'add' | 'remove' | 'replace' | 'test'
  path: string
  value?: unknown
}

const pointer = (key: string): string => key.replaceAll('~', '~0').replaceAll('/', '~1')

/** Only this very object: another one of the same name refuses the patch. */
export const sameObject = (object: KubeObject): Op => ({
  op: 'test',
  path: '/metadata/uid',
  value: object.metadata.uid,
})

/** Nothing has changed since it was read. Needed where a map or list is made, which would replace one that somebody else just made. */
export const unchanged = (object: KubeObject): Op => ({
  op: 'test',
  path: '/metadata/resourceVersion',
  value: object.metadata.resourceVersion,
})

/** Sets annotations; undefined removes one. Nothing if all is so already. */
export const annotate = (object: KubeObject, wanted: Record<string, string | undefined>): Op[] => {
  const there = object.metadata.annotations
  const entries = Object.entries(wanted).filter(([key, value]) => there?.[key] !== value)
  if (entries.length === 0) return []
  if (there === undefined)
    return [unchanged(object), { op: 'add', path: '/metadata/annotations', value: Object.fromEntries(entries) }]
  return entries.flatMap(([key, value]): Op[] => {
    const path = `/metadata/annotations/${pointer(key)}`
    if (value !== undefined) return [{ op: 'add', path, value }]
    return [
      { op: 'test', path, value: there[key] },
      { op: 'remove', path },
    ]
  })
}

/** Adds what is missing of these finalizers. */
export const addFinalizers = (object: KubeObject, names: readonly string[]): Op[] => {
  const there = object.metadata.finalizers ?? []
  const missing = names.filter((name) => !there.includes(name))
  if (missing.length === 0) return []
  if (there.length === 0) return [unchanged(object), { op: 'add', path: '/metadata/finalizers', value: missing }]
  return missing.map((name) => ({ op: 'add', path: '/metadata/finalizers/-', value: name }))
}

/** Removes what is there of these finalizers, and no other. */
export const removeFinalizers = (object: KubeObject, names: readonly string[]): Op[] =>
  (object.metadata.finalizers ?? [])
    .map((name, index) => ({ name, path: `/metadata/finalizers/${index}` }))
    .filter(({ name }) => names.includes(name))
    // From the end, so that the places of the others stay.
    .reverse()
    .flatMap(({ name, path }): Op[] => [
      { op: 'test', path, value: name },
      { op: 'remove', path },
    ])
