import { setImmediate as tick } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { forEach, mapOrdered } from '../../src/transfer/pool.ts'
import { collect } from '../helpers/memory-sink.ts'

async function* numbers(count: number) {
  for (let i = 0; i < count; i++) yield i
}
const never = new AbortController().signal

/** Work that takes longer for even numbers, and knows how much is under way. */
const watched = () => {
  const seen = { running: 0, most: 0, ended: 0 }
  const work = async (n: number) => {
    seen.most = Math.max(seen.most, ++seen.running)
    for (let i = 0; i < (n % 2 === 0 ? 5 : 1); i++) await tick()
    seen.running--
    seen.ended++
    return n * 10
  }
  return { seen, work }
}

test('results come in the order of the items, never more than the width at a time', async () => {
  const { seen, work } = watched()
  expect(await collect(mapOrdered(numbers(50), 4, work, never))).toEqual(Array.from({ length: 50 }, (_, i) => i * 10))
  expect(seen.most).toBe(4)
  const each = watched()
  await forEach(numbers(50), 4, each.work, never)
  expect(each.seen).toEqual({ running: 0, most: 4, ended: 50 })
})

test.each(['mapOrdered', 'forEach'])('%s: a failure ends it, aborts the others and waits for them', async (kind) => {
  let settled = 0
  const work = async (n: number, signal: AbortSignal) => {
    if (n === 3) throw new Error('three')
    while (!signal.aborted) await tick()
    settled++
    signal.throwIfAborted()
  }
  const run = kind === 'forEach' ? forEach(numbers(9), 5, work, never) : collect(mapOrdered(numbers(9), 5, work, never))
  await expect(run).rejects.toThrow('three')
  expect(settled).toBeGreaterThanOrEqual(3)
})

test.each(['mapOrdered', 'forEach'])('%s: a failing source and an aborted signal end it', async (kind) => {
  async function* broken() {
    yield 1
    throw new Error('no more')
  }
  const { seen, work } = watched()
  const run = (items: AsyncIterable<number>, signal: AbortSignal) =>
    kind === 'forEach' ? forEach(items, 2, work, signal) : collect(mapOrdered(items, 2, work, signal))
  await expect(run(broken(), never)).rejects.toThrow('no more')
  expect(seen.running).toBe(0)
  await expect(run(numbers(5), AbortSignal.abort(new Error('stop')))).rejects.toThrow('stop')
})
