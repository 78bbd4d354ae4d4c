import { keyOf } from './kind-of.ts'
import type { Store } from './reader.ts'
import { compareVersions, newerOf } from './resource-version.ts'
import type { CacheSpec, IndexFunction, Kind, KubeObject } from './types.ts'

/** `object` undefined: it went. `old` undefined: it is new. */
export type ChangeListener = (object: KubeObject | undefined, old: KubeObject | undefined) => void

/** What a reflector fills. */
export interface Sink {
  replace(objects: KubeObject[], resourceVersion: string): void
  set(object: KubeObject): void
  remove(object: KubeObject): void
  bookmark(resourceVersion: string): void
}

/**
 * All objects of a kind as the API server last told them, projected, with indexes kept as they change. An object that is older than the one held is
 * ignored. Listeners are called after the change and must not throw.
 */
export class Cache implements Store, Sink {
  readonly kind: Kind
  readonly labelSelector: string | undefined
  readonly optional: boolean
  /** Resolves when the first list is in. */
  readonly synced: Promise<void>
  #resolveSynced: () => void = () => {}
  #isSynced = false
  #version = '0'
  readonly #objects = new Map<string, KubeObject>()
  readonly #namespaces = new Map<string, Set<string>>()
  readonly #indexes: Map<string, { keysOf: IndexFunction; held: Map<string, Set<string>> }>
  readonly #project: (object: KubeObject) => KubeObject
  readonly #listeners = new Set<ChangeListener>()

  /** `report` hears of index functions that throw; such an object is found by other indexes only. */
  constructor(spec: CacheSpec, report: (error: unknown, index: string, object: KubeObject) => void = () => {}) {
    this.kind = spec.kind
    this.labelSelector = spec.labelSelector
    this.optional = spec.optional ?? false
    this.#project = spec.project ?? ((object) => object)
    this.#indexes = new Map(
      Object.entries(spec.indexes ?? {}).map(([name, keysOf]) => [
        name,
        { keysOf: guarded(keysOf, name, report), held: new Map() },
      ]),
    )
    this.synced = new Promise((resolve) => {
      this.#resolveSynced = resolve
    })
  }

  get isSynced(): boolean {
    return this.#isSynced
  }

  /** Everything up to this resourceVersion is in. */
  get resourceVersion(): string {
    return this.#version
  }

  /** The index functions, by name. */
  get indexes(): Record<string, IndexFunction> {
    return Object.fromEntries([...this.#indexes].map(([name, { keysOf }]) => [name, keysOf]))
  }

  get size(): number {
    return this.#objects.size
  }

  onChange(listener: ChangeListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  get(key: string): KubeObject | undefined {
    return this.#objects.get(key)
  }

  list(namespace?: string): KubeObject[] {
    return namespace === undefined ? [...this.#objects.values()] : this.#take(this.#namespaces.get(namespace))
  }

  byIndex(index: string, key: string): KubeObject[] {
    const found = this.#indexes.get(index)
    if (!found) throw new Error(`the cache of ${this.kind.plural} has no index ${index}`)
    return this.#take(found.held.get(key))
  }

  replace(objects: KubeObject[], resourceVersion: string): void {
    const listed = new Set(objects.map(keyOf))
    for (const [key, old] of [...this.#objects]) if (!listed.has(key)) this.#store(key, old, undefined)
    for (const object of objects) this.set(object)
    this.bookmark(resourceVersion)
    this.#isSynced = true
    this.#resolveSynced()
  }

  set(object: KubeObject): void {
    const key = keyOf(object)
    const old = this.#objects.get(key)
    const version = object.metadata.resourceVersion ?? ''
    this.bookmark(version)
    if (old && compareVersions(version, old.metadata.resourceVersion ?? '') <= 0) return
    this.#store(key, old, this.#reduce(object))
  }

  remove(object: KubeObject): void {
    const key = keyOf(object)
    const old = this.#objects.get(key)
    this.bookmark(object.metadata.resourceVersion ?? '')
    if (old) this.#store(key, old, undefined)
  }

  bookmark(resourceVersion: string): void {
    this.#version = newerOf(this.#version, resourceVersion)
  }

  #reduce(object: KubeObject): KubeObject {
    const { managedFields: _, ...metadata } = object.metadata as KubeObject['metadata'] & { managedFields?: unknown }
    return this.#project({ ...object, metadata })
  }

  #store(key: string, old: KubeObject | undefined, object: KubeObject | undefined) {
    if (object) this.#objects.set(key, object)
    else this.#objects.delete(key)
    const namespaceOf = (each: KubeObject) => (each.metadata.namespace === undefined ? [] : [each.metadata.namespace])
    reindex(this.#namespaces, key, old ? namespaceOf(old) : [], object ? namespaceOf(object) : [])
    for (const { keysOf, held } of this.#indexes.values())
      reindex(held, key, old ? keysOf(old) : [], object ? keysOf(object) : [])
    for (const listener of this.#listeners) listener(object, old)
  }

  #take(keys: Set<string> | undefined): KubeObject[] {
    return [...(keys ?? [])].map((key) => this.#objects.get(key) as KubeObject)
  }
}

const reindex = (held: Map<string, Set<string>>, key: string, before: string[], after: string[]) => {
  for (const value of before) {
    const keys = held.get(value)
    if (keys?.delete(key) && keys.size === 0) held.delete(value)
  }
  for (const value of after) {
    const keys = held.get(value)
    if (keys) keys.add(key)
    else held.set(value, new Set([key]))
  }
}

const guarded =
  (
    keysOf: IndexFunction,
    name: string,
    report: (error: unknown, index: string, object: KubeObject) => void,
  ): IndexFunction =>
  (object) => {
    try {
      return keysOf(object)
    } catch (error) {
      report(error, name, object)
      return []
    }
  }
