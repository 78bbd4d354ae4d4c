import { expect, test } from 'vitest'
import { Buffers } from '../../src/lib/buffers.ts'

test('memory of the size that is asked for, used again, and never twice at once', () => {
  const buffers = new Buffers()
  for (const size of [0, 1, 4096, 4097, 300_000]) {
    const [first, second] = [buffers.take(size), buffers.take(size)]
    expect([first.length, second.length]).toEqual([size, size])
    expect(first.buffer).not.toBe(second.buffer)
    buffers.give(first)
    expect(buffers.take(size).buffer).toBe(first.buffer)
  }
})

test('keeps a bounded amount', () => {
  const buffers = new Buffers()
  const size = 1024 * 1024
  const taken = new Set(Array.from({ length: 64 }, () => buffers.take(size)))
  const before = new Set([...taken].map(({ buffer }) => buffer))
  for (const each of taken) buffers.give(each)
  const again = Array.from({ length: 64 }, () => buffers.take(size)).filter(({ buffer }) => before.has(buffer))
  expect(again).toHaveLength(16)
})
