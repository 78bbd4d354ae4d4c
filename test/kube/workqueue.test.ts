import { describe, expect, test } from 'vitest'
import { WorkQueue } from '../../src/kube/workqueue.ts'

const until = async (holds: () => boolean) => {
  while (!holds()) await new Promise((resolve) => setTimeout(resolve, 2))
}

describe('the work queue', () => {
  test('a key that is added often has one turn', async () => {
    const queue = new WorkQueue()
    for (const key of ['a', 'b', 'a', 'a']) queue.add(key)
    expect([await queue.next(), await queue.next(), queue.depth]).toEqual(['a', 'b', 0])
  })

  test('a key that is added while it is looked at comes again afterwards, and not before', async () => {
    const queue = new WorkQueue()
    queue.add('a')
    const key = await queue.next()
    queue.add('a')
    queue.add('b')
    expect([key, await queue.next(), queue.depth]).toEqual(['a', 'b', 0])
    queue.done('a')
    expect(await queue.next()).toBe('a')
  })

  test('never looks at a key twice at the same time, and at every key that was added after a look began', async () => {
    const queue = new WorkQueue()
    const stop = new AbortController()
    const inside = new Map<string, number>()
    const seen = new Map<string, number>()
    let overlap = false
    const latest = new Map<string, number>()
    const running = queue.run(
      4,
      async (key) => {
        overlap ||= inside.has(key)
        inside.set(key, 1)
        const version = latest.get(key) ?? 0
        await new Promise((resolve) => setImmediate(resolve))
        seen.set(key, version)
        inside.delete(key)
      },
      stop.signal,
    )
    for (let i = 1; i <= 500; i++) {
      const key = `k${i % 7}`
      latest.set(key, i)
      queue.add(key)
      if (i % 5 === 0) await new Promise((resolve) => setImmediate(resolve))
    }
    await until(() => queue.depth === 0 && queue.processing === 0)
    stop.abort()
    await running
    expect(overlap).toBe(false)
    expect(seen).toEqual(latest)
  })

  test('of two delays the shorter one holds', async () => {
    const queue = new WorkQueue()
    queue.addAfter('a', 600_000)
    queue.addAfter('a', 5)
    queue.addAfter('a', 600_000)
    expect(await queue.next()).toBe('a')
    queue.close()
  })

  test('a key that fails waits longer each time, until it succeeds', () => {
    const queue = new WorkQueue({ backoff: { base: 100, max: 1000 } })
    const delays = Array.from({ length: 6 }, () => queue.addFailed('a'))
    expect(delays).toEqual([100, 200, 400, 800, 1000, 1000])
    queue.forget('a')
    expect(queue.addFailed('a')).toBe(100)
    queue.close()
  })

  test('many failing keys together are slowed down', () => {
    const queue = new WorkQueue({ backoff: { base: 1, max: 1 }, retries: { burst: 10, perSecond: 1 } })
    const delays = Array.from({ length: 20 }, (_, i) => queue.addFailed(`k${i}`))
    expect(delays.slice(0, 10)).toEqual(Array(10).fill(1))
    expect(delays[19]).toBeGreaterThan(9000)
    queue.close()
  })

  test('stopping ends what is under way and begins nothing', async () => {
    const queue = new WorkQueue()
    const stop = new AbortController()
    const looked: string[] = []
    let go = () => {}
    const gate = new Promise<void>((resolve) => {
      go = resolve
    })
    const running = queue.run(
      1,
      async (key) => {
        await gate
        looked.push(key)
      },
      stop.signal,
    )
    queue.add('a')
    queue.add('b')
    await until(() => queue.processing === 1)
    stop.abort()
    queue.add('c')
    go()
    await running
    expect(looked).toEqual(['a'])
  })
})
