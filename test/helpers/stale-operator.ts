import { cacheSpecs, type Indexes } from '../../src/cli/caches.ts'
import { Cache } from '../../src/kube/cache.ts'
import { kindKey, kindOf } from '../../src/kube/kind-of.ts'
import { cachedReader, type IndexTable, liveReader } from '../../src/kube/reader.ts'
import { reconcileOnce } from '../../src/kube/reconcile.ts'
import type { Controller, KubeObject } from '../../src/kube/types.ts'
import { CrashError } from './model/call.ts'
import type { ModelApi } from './model-api.ts'

interface Change {
  object: KubeObject | undefined
  old: KubeObject | undefined
}

interface Look {
  controller: Controller
  key: string
}

/**
 * One instance of the operator over the model of the API server, with caches of its own that are as old as the test likes: changes wait per kind until they are delivered.
 * Nothing happens by itself. A crash starts it anew, with fresh caches and all keys to look at.
 */
export class StaleOperator {
  readonly #api: ModelApi
  readonly #make: () => Controller[]
  readonly #indexes: Indexes[]
  #controllers: Controller[] = []
  #caches = new Map<string, Cache>()
  #pending = new Map<string, Change[]>()
  #queue = new Map<string, Look>()
  #due = new Map<string, Look & { at: number }>()
  #failures = new Map<string, number>()
  readonly errors: Error[] = []

  constructor(api: ModelApi, controllers: () => Controller[], indexes: Indexes[]) {
    this.#api = api
    this.#make = controllers
    this.#indexes = indexes
    this.#start()
    api.listen((object, old) => {
      const kind = kindKey(kindOf((object ?? old) as KubeObject))
      this.#pending.set(kind, [...(this.#pending.get(kind) ?? []), structuredClone({ object, old })])
    })
  }

  #start(): void {
    this.#controllers = this.#make()
    this.#caches = new Map(cacheSpecs(this.#indexes).map((spec) => [kindKey(spec.kind), new Cache(spec)]))
    this.#pending = new Map()
    this.#queue = new Map()
    this.#due = new Map()
    for (const object of this.#api.all()) {
      this.#caches.get(kindKey(kindOf(object)))?.set(object)
      this.#enqueue({ object, old: undefined })
    }
  }

  get keys(): number {
    return this.#queue.size
  }

  get pending(): number {
    return [...this.#pending.values()].reduce((sum, { length }) => sum + length, 0)
  }

  /** When something is due that is not in the queue yet; ms. */
  get next(): number {
    return [...this.#due.values()].reduce((first, { at }) => Math.min(first, at), Number.POSITIVE_INFINITY)
  }

  /** Lets the next changes of one kind arrive; of all kinds, if none is said. */
  deliver(at?: number, count = Number.POSITIVE_INFINITY): void {
    const kinds = [...this.#pending.keys()].sort()
    for (const kind of at === undefined ? kinds : kinds.slice(at % Math.max(kinds.length, 1)).slice(0, 1)) {
      const changes = this.#pending.get(kind) ?? []
      for (const change of changes.splice(0, count)) {
        const cache = this.#caches.get(kind)
        if (change.object) cache?.set(change.object)
        else if (change.old) cache?.remove(change.old)
        this.#enqueue(change)
      }
      if (changes.length === 0) this.#pending.delete(kind)
    }
  }

  #enqueue({ object, old }: Change): void {
    const subject = (object ?? old) as KubeObject
    for (const controller of this.#controllers)
      for (const { kind, keys } of controller.watches)
        if (kindKey(kind) === kindKey(kindOf(subject)))
          for (const key of keys(subject, object && old))
            this.#queue.set(`${controller.name} ${key}`, { controller, key })
  }

  /** Looks at one of the keys that wait. */
  async look(at: number): Promise<void> {
    for (const [id, { at: when, ...look }] of this.#due)
      if (when <= this.#api.now) {
        this.#due.delete(id)
        this.#queue.set(id, look)
      }
    const ids = [...this.#queue.keys()].sort()
    const id = ids[at % Math.max(ids.length, 1)]
    if (id === undefined) return
    const { controller, key } = this.#queue.get(id) as Look
    this.#queue.delete(id)
    const table = new Map([...this.#caches].map(([kind, cache]) => [kind, cache.indexes])) as unknown as IndexTable
    const deps = {
      client: this.#api,
      recorder: { record: () => {} },
      fieldManager: `granary-${controller.name}`,
      cached: cachedReader(this.#api, this.#caches),
      live: () => liveReader(this.#api, table),
      now: () => this.#api.now,
    }
    try {
      const plan = await reconcileOnce(deps, controller, key)
      this.#failures.delete(id)
      if (plan?.requeueAfter !== undefined) this.#later(id, { controller, key }, plan.requeueAfter)
    } catch (error) {
      if (error instanceof CrashError) return this.#start()
      this.errors.push(error as Error)
      const failures = (this.#failures.get(id) ?? 0) + 1
      this.#failures.set(id, failures)
      this.#later(id, { controller, key }, Math.min(1000 * 2 ** failures, 300_000))
    }
  }

  #later(id: string, look: Look, ms: number): void {
    this.#due.set(id, { ...look, at: this.#api.now + Math.max(ms, 1) })
  }
}
