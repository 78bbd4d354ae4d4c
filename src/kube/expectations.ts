import type { Cache } from './cache.ts'
import { keyOf, kindKey, kindOf } from './kind-of.ts'
import { compareVersions } from './resource-version.ts'
import type { KubeObject } from './types.ts'

/** How long a cache may lag behind before it is believed anyway (what we wrote may lie outside of what it holds). Milliseconds. */
const patience = 30_000

/**
 * What was written for a key and its caches have yet to see. A look before that would see the world of before the write, and act on it a second time.
 */
export class Expectations {
  readonly #caches: ReadonlyMap<string, Cache>
  readonly #monotonic: () => number
  readonly #pending = new Map<
    string,
    { objects: Map<string, { cache: Cache; key: string; version: string }>; until: number }
  >()

  constructor(caches: ReadonlyMap<string, Cache>, monotonic: () => number) {
    this.#caches = caches
    this.#monotonic = monotonic
  }

  /** Objects as the API server answered them after a write. */
  wrote(key: string, objects: KubeObject[]): void {
    for (const object of objects) {
      const cache = this.#caches.get(kindKey(kindOf(object)))
      const version = object.metadata.resourceVersion
      if (!cache || version === undefined) continue
      const pending = this.#pending.get(key) ?? { objects: new Map(), until: 0 }
      pending.objects.set(`${cache.kind.plural} ${keyOf(object)}`, { cache, key: keyOf(object), version })
      pending.until = this.#monotonic() + patience
      this.#pending.set(key, pending)
    }
  }

  /** Whether the caches have everything that was written for the key. */
  met(key: string): boolean {
    const pending = this.#pending.get(key)
    if (!pending) return true
    for (const [id, { cache, key: held, version }] of pending.objects) {
      const seen = cache.get(held)?.metadata.resourceVersion ?? '0'
      if (compareVersions(seen, version) >= 0 || compareVersions(cache.resourceVersion, version) >= 0)
        pending.objects.delete(id)
    }
    if (pending.objects.size > 0 && this.#monotonic() < pending.until) return false
    this.#pending.delete(key)
    return true
  }
}
