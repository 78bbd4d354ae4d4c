import type { Condition, Kind, KubeObject, ObjectMeta, Ref } from '../api/meta.ts'

export type { Condition, Kind, KubeObject, ObjectMeta, Ref }

export interface JsonPatchOp {
  op: 'add' | 'remove' | 'replace' | 'test'
  path: string
  value?: unknown
}

/** An event on an object: `type` as kubectl shows it; the same reason and message is counted up, not repeated. */
export interface EventSpec {
  regarding: KubeObject
  type: 'Normal' | 'Warning'
  reason: string
  message: string
}

/**
 * What a decision wants done, as plain data, carried out in the order of the fields; the first failure stops it.
 * A step that needs an earlier one seen waits for the next round.
 */
export interface Plan {
  /** POST, once. AlreadyExists is fine if the object there has the same `granary.dev/owner-uid` label (or our uid as owner), else it is an error. */
  create?: KubeObject[]
  /** Server-side apply of objects that are ours and change; `metadata.uid` set unless it may be created. */
  apply?: KubeObject[]
  /** JSON patches on other people's objects (or finalizers of ours); `test` operations guard them. A failed test is a conflict: look again. */
  patch?: { ref: Ref; ops: JsonPatchOp[] }[]
  /** Deletes with a uid precondition, propagationPolicy Background. NotFound is fine. */
  delete?: Ref[]
  /**
   * Server-side apply on /status with the controller's field manager: *all* fields of the status that this controller owns.
   * Left out when nothing changed: `decide` compares. With `resourceVersion` in the metadata it must still be that one.
   */
  status?: { object: KubeObject; status: Record<string, unknown> }[]
  events?: EventSpec[]
  /** Milliseconds until this key is looked at again though nothing changed. */
  requeueAfter?: number
  /** The plan destroys or hands over: the runner observes again by GET and LIST, not from caches, decides again, and carries that plan out. */
  live?: boolean
}

/**
 * What `observe` reads through: the caches, or (for `live` plans) the API server itself. The same code serves both.
 * Kinds that no cache holds are read from the API server in both cases. Objects are to be treated as frozen.
 */
export interface Reader {
  readonly live: boolean
  get<T extends KubeObject>(kind: Kind, namespace: string | undefined, name: string): Promise<T | undefined>
  list<T extends KubeObject>(kind: Kind, namespace?: string): Promise<T[]>
  /** Objects for which the index function of that name (given to the cache) yields `key`. */
  byIndex<T extends KubeObject>(kind: Kind, index: string, key: string): Promise<T[]>
  /** The last complete line of a pod's log, undefined if there is none. Always from the API server. */
  lastLogLine(namespace: string, pod: string): Promise<string | undefined>
}

export type IndexFunction = (object: KubeObject) => string[]

/** What one cache holds: everything of a kind (or by label), reduced by `project` at ingest. */
export interface CacheSpec {
  kind: Kind
  labelSelector?: string
  /** Keeps what is used; managedFields always go. */
  project?: (object: KubeObject) => KubeObject
  indexes?: Record<string, IndexFunction>
  /** The cluster may do without this kind: then there are none, and it is asked again now and then. */
  optional?: boolean
}

export interface Watching {
  kind: Kind
  /** Keys (`namespace/name` of the controller's own kind) to look at when this object changed, appeared or went. `old` on a change. */
  keys: (object: KubeObject, old?: KubeObject) => string[]
}

/** A controller: observe → decide → apply. World is the controller's own plain object, `now` (ms since 1970) included. */
export interface Controller<World = unknown> {
  /** Field manager is `granary-<name>`. */
  name: string
  watches: Watching[]
  /** undefined: nothing to do for this key (the object is gone). */
  observe(reader: Reader, key: string, now: number): Promise<World | undefined>
  decide(world: World): Plan
}
