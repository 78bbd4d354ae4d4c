import fc from 'fast-check'
import { expect, test } from 'vitest'
import { Gather } from '../../../../../src/stores/s3/lean/threads/gather.ts'

const KiB = 1024

test('hands on all bytes in order, seldom in small pieces', () => {
  const sizes = fc.array(fc.oneof(fc.nat(20 * KiB), fc.nat(300 * KiB)), { maxLength: 30 })
  fc.assert(
    fc.property(sizes, (all) => {
      const out: Buffer[] = []
      const gather = new Gather((piece) => out.push(Buffer.from(piece)))
      const whole = Buffer.concat(all.map((size, i) => Buffer.alloc(size, `piece ${i}`)))
      let at = 0
      for (const size of all) {
        // As on a connection, where the buffer is used again.
        const reused = Buffer.from(whole.subarray(at, at + size))
        gather.take(reused)
        reused.fill(0)
        at += size
      }
      gather.flush()
      gather.flush()
      expect(Buffer.concat(out).equals(whole)).toBe(true)
      const small = out.slice(0, -1).filter(({ length }) => length < 64 * KiB)
      // Only before one that is big by itself.
      expect(small.length).toBeLessThanOrEqual(all.filter((size) => size >= 64 * KiB).length)
    }),
    { numRuns: 30 },
  )
})

test('what is big is not copied', () => {
  const big = Buffer.alloc(100 * KiB)
  const out: Buffer[] = []
  new Gather((piece) => out.push(piece)).take(big)
  expect(out).toEqual([big])
  expect(out[0]).toBe(big)
})
