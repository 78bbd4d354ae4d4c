import { expect, test } from 'vitest'
import { type Looked, maxResultBytes } from '../../src/api/move-result.ts'
import { answers } from '../../src/mover/answers.ts'
import { resultText } from '../../src/mover/result.ts'

const found = (n: number): Looked => ({ objects: 1e6 + n, bytes: 1e12 + n, fingerprint: 'x'.repeat(22) })
const text = (items: Looked[]) => resultText({ op: 'Scan', outcome: 'Done', items })
const take = (count: number, answer: (n: number) => Looked) => {
  const given = answers(count)
  for (let n = 0; n < count; n++) given.give(n, answer(n))
  expect(Buffer.byteLength(text(given.list))).toBeLessThanOrEqual(maxResultBytes)
  return given
}

test('two hundred sources that are as they were fit in one result', () => {
  const given = take(200, () => true)
  expect(given.list).toEqual(Array(200).fill(true))
  expect(given.full).toBe(false)
})

test('of two hundred new ones as many are told as fit; the rest has no answer', () => {
  const { list, full } = take(200, found)
  expect(full).toBe(true)
  expect(list.filter((answer) => answer !== null).length).toBeGreaterThan(25)
  expect(list.slice(0, 25)).toEqual(Array.from({ length: 25 }, (_, n) => found(n)))
})

test('the same failure of two hundred is told once', () => {
  const failure = { reason: 'CredentialsDenied', message: 'The server refuses the key.' } as const
  const { list } = take(200, () => ({ ...failure }))
  expect(list[0]).toEqual(failure)
  expect(list.slice(1)).toEqual(Array(199).fill({ as: 0 }))
})

test('different failures give up their sentences, not each other', () => {
  const { list } = take(60, (n) => ({ reason: 'SourceNotFound', message: `${n} ${'long '.repeat(100)}` }))
  expect(list[0]).toHaveProperty('message')
  expect(list.filter((answer) => answer !== null && answer !== true && 'message' in answer).length).toBeGreaterThan(2)
  expect(list.filter((answer) => answer === null)).toEqual([])
})

test('one alone has all the room for its sentence', () => {
  const { list } = take(1, () => ({ reason: 'InvalidKeys', message: 'k'.repeat(2000) }))
  expect(list[0]).toMatchObject({ message: 'k'.repeat(2000) })
})
