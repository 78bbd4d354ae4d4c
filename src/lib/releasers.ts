import { messageOf } from './errors.ts'
import type { Log } from './log.ts'

/** What must be undone at the end, last one first. One that fails does not keep the others from it. */
export class Releasers {
  readonly #log: Log
  readonly #stack: { name: string; release: () => Promise<void> | void }[] = []

  constructor(log: Log) {
    this.#log = log
  }

  push(name: string, release: () => Promise<void> | void): void {
    this.#stack.push({ name, release })
  }

  async run(): Promise<void> {
    for (let top = this.#stack.pop(); top; top = this.#stack.pop()) {
      try {
        await top.release()
      } catch (error) {
        this.#log.warn({ step: top.name, error: messageOf(error) }, 'could not shut down cleanly')
      }
    }
  }
}
