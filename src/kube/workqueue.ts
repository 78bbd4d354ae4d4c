import { maxTimeout } from '../lib/abort.ts'
import { type BackoffOptions, backoffMs } from '../lib/backoff.ts'

export interface WorkQueueOptions {
  /** For a key that failed. */
  backoff?: BackoffOptions
  /** For all failing keys together: so many retries at once, and so many a second from then on. */
  retries?: { burst: number; perSecond: number }
}

/**
 * Keys to look at. A key that is added twice before its turn is looked at once; one that is added while it is looked at comes again afterwards; no key is
 * ever looked at by two at the same time.
 */
export class WorkQueue {
  readonly #backoff: BackoffOptions
  readonly #bucket: TokenBucket
  /** Keys in the order of their turn. */
  readonly #ready = new Set<string>()
  readonly #processing = new Set<string>()
  /** Added while being processed. */
  readonly #again = new Set<string>()
  readonly #later = new Map<string, { at: number; timer: NodeJS.Timeout }>()
  readonly #failures = new Map<string, number>()
  readonly #waiting: ((key: string | undefined) => void)[] = []
  #closed = false

  constructor(options: WorkQueueOptions = {}) {
    this.#backoff = options.backoff ?? { base: 100, max: 300_000, jitter: 0.3 }
    this.#bucket = new TokenBucket(options.retries ?? { burst: 100, perSecond: 10 })
  }

  /** Keys that wait for their turn. */
  get depth(): number {
    return this.#ready.size
  }

  get processing(): number {
    return this.#processing.size
  }

  add(key: string): void {
    if (this.#closed) return
    if (this.#processing.has(key)) {
      this.#again.add(key)
      return
    }
    this.#ready.add(key)
    this.#serve()
  }

  /** Adds the key in `ms` milliseconds, or when an earlier call said, whatever is first. */
  addAfter(key: string, ms: number): void {
    if (this.#closed) return
    if (ms <= 0) {
      this.add(key)
      return
    }
    const at = performance.now() + ms
    const pending = this.#later.get(key)
    if (pending && pending.at <= at) return
    clearTimeout(pending?.timer)
    const due = () => {
      const left = at - performance.now()
      this.#later.delete(key)
      // Longer than a timer can hold: in several.
      if (left > 1000) this.addAfter(key, left)
      else this.add(key)
    }
    this.#later.set(key, { at, timer: setTimeout(due, Math.min(ms, maxTimeout)) })
  }

  /** Adds a key that failed, later each time it fails in a row. Returns the milliseconds until then. */
  addFailed(key: string): number {
    const failures = (this.#failures.get(key) ?? 0) + 1
    this.#failures.set(key, failures)
    const ms = Math.max(backoffMs(failures, this.#backoff), this.#bucket.take())
    this.addAfter(key, ms)
    return ms
  }

  /** The key succeeded: its next failure is the first. */
  forget(key: string): void {
    this.#failures.delete(key)
  }

  /** The next key; whoever takes it must call `done`. undefined when the queue is closed. */
  next(): Promise<string | undefined> {
    return new Promise((resolve) => {
      if (this.#closed) return resolve(undefined)
      this.#waiting.push(resolve)
      this.#serve()
    })
  }

  done(key: string): void {
    this.#processing.delete(key)
    if (this.#again.delete(key)) this.add(key)
  }

  /** No key comes any more; those that wait are forgotten. */
  close(): void {
    this.#closed = true
    for (const { timer } of this.#later.values()) clearTimeout(timer)
    this.#later.clear()
    this.#ready.clear()
    this.#again.clear()
    for (const resolve of this.#waiting.splice(0)) resolve(undefined)
  }

  /** Works with `concurrency` keys at a time until `signal` aborts, and then to the end of those that are under way. `handle` must not reject. */
  async run(concurrency: number, handle: (key: string) => Promise<void>, signal: AbortSignal): Promise<void> {
    if (signal.aborted) this.close()
    else signal.addEventListener('abort', () => this.close(), { once: true })
    const worker = async () => {
      for (let key = await this.next(); key !== undefined; key = await this.next()) {
        try {
          await handle(key)
        } finally {
          this.done(key)
        }
      }
    }
    await Promise.all(Array.from({ length: concurrency }, worker))
  }

  #serve() {
    for (const key of this.#ready) {
      const resolve = this.#waiting.shift()
      if (!resolve) return
      this.#ready.delete(key)
      this.#processing.add(key)
      resolve(key)
    }
  }
}

class TokenBucket {
  readonly #perSecond: number
  readonly #burst: number
  #tokens: number
  #at = performance.now()

  constructor({ burst, perSecond }: { burst: number; perSecond: number }) {
    this.#burst = burst
    this.#perSecond = perSecond
    this.#tokens = burst
  }

  /** Takes a token, if need be one of the future: milliseconds until it is there. */
  take(): number {
    const now = performance.now()
    this.#tokens = Math.min(this.#burst, this.#tokens + ((now - this.#at) / 1000) * this.#perSecond) - 1
    this.#at = now
    return this.#tokens >= 0 ? 0 : (-this.#tokens / this.#perSecond) * 1000
  }
}
