/** What is to be done when a signal fires, for many short tasks under one signal: each costs a set's entry, where a listener of the signal's own costs several times as much. */
export class AbortListeners {
  readonly #bySignal = new WeakMap<AbortSignal, { all: Set<() => void>; fire: () => void }>()

  /** Each listener once. */
  add(signal: AbortSignal, listener: () => void): void {
    let found = this.#bySignal.get(signal)
    if (found === undefined) {
      const all = new Set<() => void>()
      const fire = () => {
        for (const each of [...all]) each()
      }
      found = { all, fire }
      this.#bySignal.set(signal, found)
    }
    if (found.all.size === 0) signal.addEventListener('abort', found.fire)
    found.all.add(listener)
  }

  remove(signal: AbortSignal, listener: () => void): void {
    const found = this.#bySignal.get(signal)
    if (found?.all.delete(listener) && found.all.size === 0) signal.removeEventListener('abort', found.fire)
  }
}
