import { AbortListeners } from '../lib/abort-listeners.ts'

/** How many requests a store gets at once: found by trying, and less where the store says that it is too much. */
export interface Concurrency {
  /** Requests at once, as of now. */
  readonly limit: number
  /** Runs `work` as soon as there is room, first come first served; not at all if the signal fires before. `work` returns the bytes that it moved. */
  run<T extends { bytes: number }>(work: () => Promise<T>, signal?: AbortSignal): Promise<T>
  /** The store asked for less; and for nothing at all for `after` milliseconds. */
  overloaded(after?: number): void
}

export interface ConcurrencyOptions {
  start?: number
  most?: number
  now?: () => number
}

/** A request costs about as much as so many bytes. */
const requestBytes = 64 * 1024
/** Milliseconds and requests (as a multiple of the limit) after which a level is judged. */
const windowTime = 300
const windowRounds = 2
/** Better is what is better by so much. */
const better = 1.05
/** After a level proved best it is left alone for so many windows. */
const settled = 12
const longestPause = 60_000
/** One burst of refusals counts once. */
const burst = 1_000

/**
 * Climbs by the rate that is reached: up in big steps while every step pays, then rests, and tries a small step up or down now and then. A refusal
 * halves the level.
 */
export const makeConcurrency = (options: ConcurrencyOptions = {}): Concurrency => {
  const { start = 16, most = 64, now = () => performance.now() } = options
  const least = 1
  let limit = start
  let running = 0
  const waiting = new Set<() => void>()
  const aborts = new AbortListeners()
  /** The window under way. */
  let [since, moved, ended, idle] = [now(), 0, 0, true]
  /** The level to go back to, and the rate there, while another one is tried. */
  let trying: { from: number; rate: number } | undefined
  let starting = true
  let rest = 0
  let down = false
  let quietUntil = 0
  let refusedAt = Number.NEGATIVE_INFINITY
  let timer: NodeJS.Timeout | undefined

  const wake = (): void => {
    clearTimeout(timer)
    const left = quietUntil - now()
    if (left > 0) {
      // Nobody waits: then nothing has to wake up either.
      if (waiting.size > 0) timer = setTimeout(wake, left)
      return
    }
    for (const start of waiting) {
      if (running >= limit) return
      waiting.delete(start)
      running++
      start()
    }
  }

  const room = (signal: AbortSignal | undefined): Promise<void> =>
    new Promise<void>((resolve, reject) => {
      const start = () => {
        if (signal) aborts.remove(signal, stop)
        resolve()
      }
      const stop = () => {
        aborts.remove(signal!, stop)
        waiting.delete(start)
        wake()
        reject(signal!.reason)
      }
      if (signal) aborts.add(signal, stop)
      waiting.add(start)
      wake()
    })

  const step = (): number => {
    if (starting) return limit * 2
    down = !down
    const size = Math.max(1, Math.round(limit / 5))
    return down ? limit - size : limit + size
  }

  const next = (rate: number): void => {
    const to = Math.min(most, Math.max(least, step()))
    trying = to === limit ? undefined : { from: limit, rate }
    if (trying === undefined) [starting, rest] = [false, settled]
    limit = to
  }

  const judge = (rate: number): void => {
    if (trying === undefined) {
      if (--rest <= 0) next(rate)
      return
    }
    const fewer = limit < trying.from
    // Fewer that do as much are better: they leave room for others.
    if (rate >= trying.rate * (fewer ? 1 : better)) {
      if (starting) {
        next(rate)
        return
      }
    } else {
      limit = trying.from
      starting = false
    }
    trying = undefined
    rest = settled
  }

  const done = (bytes: number): void => {
    running--
    moved += bytes + requestBytes
    ended++
    // A level that wasn't used says nothing.
    if (waiting.size > 0) idle = false
    const took = now() - since
    if (took >= windowTime && ended >= limit * windowRounds) {
      if (!idle) judge(moved / took)
      ;[since, moved, ended, idle] = [now(), 0, 0, true]
    }
    wake()
  }

  return {
    get limit() {
      return limit
    },
    async run(work, signal) {
      signal?.throwIfAborted()
      if (running < limit && waiting.size === 0 && quietUntil <= now()) running++
      else await room(signal)
      let bytes = 0
      try {
        const result = await work()
        bytes = result.bytes
        return result
      } finally {
        done(bytes)
      }
    },
    overloaded(after = 0) {
      const at = now()
      quietUntil = Math.max(quietUntil, at + Math.min(after, longestPause))
      if (at - refusedAt < burst) return
      refusedAt = at
      limit = Math.max(least, Math.floor(limit / 2))
      ;[trying, starting, rest, down] = [undefined, false, settled, true]
    },
  }
}
