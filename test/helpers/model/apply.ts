import { isDeepStrictEqual } from 'node:util'

/**
 * Server-side apply with force: who owns which field, and what an apply does to an object. A field is a path of segments; a list is one field, unless
 * `listKeyOf` knows it as a map: then an element is addressed by its key, as `[type=Ready]`.
 */
export type FieldSet = Set<string>
export type Owners = Map<string, FieldSet>

/** Lists that are maps in our schemas and Kubernetes', by the name of their field; '' for a list that is a set of scalars. */
const listKeys: Record<string, string> = { conditions: 'type', ownerReferences: 'uid', finalizers: '' }

type Tree = Record<string, unknown>

const separator = '\u0000'

/** Every leaf of `value` with its path. */
export const fieldsOf = (
  value: unknown,
  path: string[] = [],
  into = new Map<string, unknown>(),
): Map<string, unknown> => {
  if (value === undefined) return into
  const key = listKeys[path.at(-1) ?? '']
  if (Array.isArray(value) && key !== undefined) {
    for (const element of value) {
      if (key === '') into.set([...path, `[=${element}]`].join(separator), element)
      else fieldsOf(element, [...path, `[${key}=${(element as Tree)[key]}]`], into)
    }
  } else if (typeof value === 'object' && value !== null && !Array.isArray(value) && Object.keys(value).length > 0) {
    for (const [name, child] of Object.entries(value)) fieldsOf(child, [...path, name], into)
  } else into.set(path.join(separator), value)
  return into
}

/** Applies `wanted` to `object` in place, as `manager`. */
export const applyFields = (object: Tree, wanted: Tree, manager: string, owners: Owners): void => {
  const before = fieldsOf(object)
  const fields = fieldsOf(wanted)
  const own = owners.get(manager) ?? new Set<string>()
  owners.set(manager, new Set(fields.keys()))
  const orphaned = [...own]
    .filter((path) => ![...owners.values()].some((set) => set.has(path)))
    .map((path) => path.split(separator))
  // Elements of a list go whole, when nobody owns their key any more, and last, as the key is how they are found.
  for (const path of orphaned) if (!isElementKey(path)) removeAt(object, path)
  for (const path of orphaned) if (isElementKey(path)) removeAt(object, path.slice(0, -1), true)
  for (const [path, value] of fields) {
    if (before.has(path) && !isDeepStrictEqual(before.get(path), value)) {
      for (const [other, set] of owners) if (other !== manager) set.delete(path)
    }
    setAt(object, path.split(separator), structuredClone(value))
  }
}

/** Notes that `manager` (no apply: a create, a patch) now owns what changed. */
export const ownChanges = (before: Tree, after: Tree, manager: string, owners: Owners): void => {
  const old = fieldsOf(before)
  const own = owners.get(manager) ?? new Set<string>()
  const now = fieldsOf(after)
  for (const [path, value] of now) {
    if (old.has(path) && isDeepStrictEqual(old.get(path), value)) continue
    for (const set of owners.values()) set.delete(path)
    own.add(path)
  }
  for (const path of old.keys()) if (!now.has(path)) for (const set of owners.values()) set.delete(path)
  owners.set(manager, own)
}

const element = /^\[([^=]*)=(.*)\]$/s

const isMap = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value)

const isElementKey = (path: string[]) => path.at(-2)?.startsWith(`[${path.at(-1)}=`) ?? false

const indexOf = (list: unknown[], segment: string): number => {
  const [, key = '', value] = element.exec(segment) ?? []
  return list.findIndex((each) => String(key === '' ? each : (each as Tree)[key]) === value)
}

const childOf = (parent: Tree | unknown[], segment: string): unknown =>
  Array.isArray(parent) ? parent[indexOf(parent, segment)] : parent[segment]

const setAt = (root: Tree, path: string[], value: unknown) => {
  let parent: Tree | unknown[] = root
  for (const [i, segment] of path.entries()) {
    const last = i === path.length - 1
    const existing = childOf(parent, segment)
    if (!last && typeof existing === 'object' && existing !== null) {
      parent = existing as Tree | unknown[]
      continue
    }
    // `{}` asks for a map to be there, not for it to be empty.
    if (last && isMap(value) && isMap(existing)) return
    const child: unknown = last ? value : path[i + 1]?.startsWith('[') ? [] : {}
    // A new element of a map has its key from the start, whichever of its fields comes first.
    const [, key = '', name] = element.exec(segment) ?? []
    if (!last && key !== '') (child as Tree)[key] = name
    if (!Array.isArray(parent)) parent[segment] = child
    else if (indexOf(parent, segment) < 0) parent.push(child)
    parent = child as Tree | unknown[]
  }
}

/** Removes a leaf, and the containers below the top level that are empty then. */
const removeAt = (root: Tree, path: string[], whole = false) => {
  const [segment, ...rest] = path as [string, ...string[]]
  const remove = (parent: Tree | unknown[], at: string) => {
    if (!Array.isArray(parent)) delete parent[at]
    else if (indexOf(parent, at) >= 0) parent.splice(indexOf(parent, at), 1)
  }
  const walk = (parent: Tree | unknown[], at: string, below: string[]): void => {
    const [next, ...further] = below
    const child = childOf(parent, at)
    if (next === undefined) {
      if (whole || !isMap(child) || Object.keys(child).length === 0) remove(parent, at)
      return
    }
    if (typeof child !== 'object' || child === null) return
    walk(child as Tree, next, further)
    if (Object.keys(child).length === 0) remove(parent, at)
  }
  walk(root, segment, rest)
}
