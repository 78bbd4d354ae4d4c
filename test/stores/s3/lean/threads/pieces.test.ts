import { expect, test } from 'vitest'
import { Pieces } from '../../../../../src/stores/s3/lean/threads/pieces.ts'

const after = (busy: number, times: number, pieces = new Pieces()) => {
  for (let i = 0; i < times; i++) pieces.note(busy)
  return pieces
}

test('threads that wait get more pieces at once, those that have enough to do fewer, within bounds', () => {
  expect(after(0.2, 100).atOnce).toBe(8)
  expect(after(1, 100, after(0.2, 100)).atOnce).toBe(2)
  expect(after(0.8, 100).atOnce).toBe(2)
  expect(after(0.3, 3, after(1, 100)).atOnce).toBe(5)
})
