import { createHash } from 'node:crypto'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Summer } from '../../../../../src/stores/hashing/sums.ts'
import { InOrder } from '../../../../../src/stores/s3/lean/threads/in-order.ts'

const summer = new Summer()
const bytes = Buffer.from(Array.from({ length: 4000 }, (_, i) => (i * 7 + (i >> 5)) & 255))
const sha256 = createHash('sha256').update(bytes).digest('hex')
const half = bytes.length / 2

/** A file, and what is read back of it. */
const open = () => {
  const file = Buffer.alloc(bytes.length)
  const back: [number, number][] = []
  const sums = new InOrder(summer, ['sha256', 'crc64nvme'], (from, to, take) => {
    back.push([from, to])
    take(file.subarray(from, to))
  })
  const write = (from: number, to: number, here = true) => {
    bytes.copy(file, from, from, to)
    if (here) sums.wrote(from, file.subarray(from, to))
    else sums.written(from, to)
  }
  return { sums, write, back }
}

test('stretches that grow in turns, here and in other threads, in any order', () => {
  // Where stretches meet, who writes them, and who goes on next, by how much.
  const cuts = fc.uniqueArray(fc.integer({ min: 1, max: bytes.length - 1 }), { maxLength: 8 })
  const turns = fc.infiniteStream(fc.tuple(fc.nat(), fc.integer({ min: 1, max: 900 })))
  fc.assert(
    fc.property(cuts, fc.infiniteStream(fc.boolean()), turns, (at, here, order) => {
      const { sums, write } = open()
      const edges = [0, ...at.sort((a, b) => a - b), bytes.length]
      let left = edges.slice(1).map((end, i) => ({ at: edges[i]!, end, here: here.next().value }))
      while (left.length > 0) {
        const [which, step] = order.next().value
        const one = left[which % left.length]!
        // What another thread has written is told when it is through.
        const to = one.here ? Math.min(one.end, one.at + step) : one.end
        write(one.at, to, one.here)
        one.at = to
        left = left.filter((each) => each.at < each.end)
      }
      expect(sums.finish(bytes.length).sha256).toBe(sha256)
    }),
  )
})

test('what comes in order is never read back; what came before its turn is once, and goes on as it comes', () => {
  const { sums, write, back } = open()
  write(0, 1000)
  write(half, half + 500)
  write(1000, half)
  expect(back).toEqual([[half, half + 500]])
  write(half + 500, bytes.length)
  expect(back).toHaveLength(1)
  expect(sums.finish(bytes.length).sha256).toBe(sha256)
})

test('a gap, or a place that is written twice, is no sum', () => {
  const { sums, write } = open()
  write(0, 10)
  expect(() => write(5, 15)).toThrow('twice')
  write(20, bytes.length)
  expect(() => sums.finish(bytes.length)).toThrow('gaps')
})
