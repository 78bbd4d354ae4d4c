/**
 * Which versions want to look again when something else changes: what a pod or a Job is about is known only from what the versions
 * were last seen to use. Lives as long as its controller; a version that is looked at later finds later changes by itself.
 */
export class Interests {
  readonly #keysOf = new Map<string, Set<string>>()
  readonly #topicsOf = new Map<string, string[]>()

  /** From now on exactly these topics concern `key`; none at all when it is gone. */
  set(key: string, topics: string[]): void {
    for (const topic of this.#topicsOf.get(key) ?? []) {
      const keys = this.#keysOf.get(topic)
      keys?.delete(key)
      if (keys?.size === 0) this.#keysOf.delete(topic)
    }
    this.#topicsOf.delete(key)
    if (topics.length === 0) return
    this.#topicsOf.set(key, topics)
    for (const topic of topics) {
      const keys = this.#keysOf.get(topic) ?? new Set()
      this.#keysOf.set(topic, keys.add(key))
    }
  }

  keys(topics: string[]): string[] {
    return [...new Set(topics.flatMap((topic) => [...(this.#keysOf.get(topic) ?? [])]))]
  }
}
