import { describe, expect, test } from 'vitest'
import { makeConcurrency } from '../../src/stores/concurrency.ts'

/** A store in simulated time: `rate` says how many requests a second it finishes with so many at once. */
const simulate = (concurrency: ReturnType<typeof makeConcurrency>, clock: { now: number }) => {
  const running = new Set<() => void>()
  const seen: number[] = []
  let done = false
  const demand = async () => {
    while (!done)
      await concurrency.run(async () => {
        await new Promise<void>((resolve) => running.add(resolve))
        return { bytes: 1000 }
      })
  }
  const tasks = Array.from({ length: 200 }, demand)
  return {
    seen,
    async run(milliseconds: number, rate: (atOnce: number) => number) {
      let credit = 0
      for (const end = clock.now + milliseconds; clock.now < end; clock.now += 5) {
        credit += (rate(running.size) * 5) / 1000
        for (const finish of [...running].slice(0, Math.floor(credit))) {
          running.delete(finish)
          finish()
          credit--
        }
        credit = Math.min(credit, 1)
        for (let i = 0; i < 10; i++) await Promise.resolve()
        seen.push(running.size)
      }
    },
    async stop() {
      done = true
      while (running.size > 0) {
        for (const finish of running) finish()
        running.clear()
        await new Promise(setImmediate)
      }
      await Promise.all(tasks)
    },
  }
}

describe('concurrency finds its level', () => {
  test.each([
    ['where more help: the most', (n: number) => n * 20, 50, 64],
    ['where a few are enough: not many more', (n: number) => Math.min(n, 8) * 50, 4, 24],
    ['where many hinder each other: fewer', (n: number) => (n <= 12 ? n * 50 : 7200 / n), 6, 24],
  ])('%s', async (_what, rate, least, most) => {
    const clock = { now: 0 }
    const concurrency = makeConcurrency({ now: () => clock.now })
    const store = simulate(concurrency, clock)
    await store.run(120_000, rate)
    const late = store.seen.slice(-4_000)
    const mean = late.reduce((sum, n) => sum + n, 0) / late.length
    await store.stop()
    expect(mean).toBeGreaterThanOrEqual(least)
    expect(mean).toBeLessThanOrEqual(most)
  })

  test('a refusal halves it once, and a burst of them no more; it comes back', async () => {
    const clock = { now: 0 }
    const concurrency = makeConcurrency({ start: 32, now: () => clock.now })
    const store = simulate(concurrency, clock)
    await store.run(1000, (n) => n * 20)
    const before = concurrency.limit
    for (let i = 0; i < 20; i++) concurrency.overloaded()
    expect(concurrency.limit).toBe(Math.floor(before / 2))
    for (let i = 0; i < 20; i++) {
      clock.now += 2000
      concurrency.overloaded()
    }
    expect(concurrency.limit).toBe(1)
    await store.run(300_000, (n) => n * 20)
    expect(concurrency.limit).toBeGreaterThan(8)
    await store.stop()
  })

  test('nothing starts before the time that the store asked for; then all of it', async () => {
    const concurrency = makeConcurrency()
    const start = performance.now()
    concurrency.overloaded(60)
    const order: number[] = []
    await Promise.all(
      [1, 2, 3].map((n) =>
        concurrency.run(async () => {
          order.push(n)
          return { bytes: 0 }
        }),
      ),
    )
    expect(performance.now() - start).toBeGreaterThan(50)
    expect(order).toEqual([1, 2, 3])
  })

  test('who is stopped while waiting waits no longer', async () => {
    const concurrency = makeConcurrency()
    concurrency.overloaded(600_000)
    const stop = new AbortController()
    const waiting = concurrency.run(async () => ({ bytes: 0 }), stop.signal)
    stop.abort(new Error('stopped'))
    await expect(waiting).rejects.toThrow('stopped')
    await expect(concurrency.run(async () => ({ bytes: 0 }), stop.signal)).rejects.toThrow('stopped')
  })

  test('a failure gives its room back', async () => {
    const concurrency = makeConcurrency({ start: 1, most: 1 })
    const failing = concurrency.run(() => Promise.reject(new Error('no')))
    const next = concurrency.run(async () => ({ bytes: 1 }))
    await expect(failing).rejects.toThrow('no')
    expect(await next).toEqual({ bytes: 1 })
  })
})
