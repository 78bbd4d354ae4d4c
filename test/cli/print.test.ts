import { expect, test } from 'vitest'
import { age, facts, table } from '../../src/cli/print.ts'

const columns = [
  { name: 'NAME', of: (row: { name: string; n?: number }) => row.name },
  { name: 'N', of: (row: { name: string; n?: number }) => row.n },
  { name: 'MORE', of: (_: { name: string; n?: number }) => 'x', wide: true },
]

test('a table as kubectl prints it', () => {
  const rows = [{ name: 'mnist', n: 3 }, { name: 'imagenet' }]
  expect(table(columns, rows)).toBe('NAME       N\nmnist      3\nimagenet   -')
  expect(table(columns, rows.slice(0, 1), true)).toBe('NAME    N   MORE\nmnist   3   x')
})

test("other people's words stay on their line and steer no terminal", () => {
  const said = table(columns, [{ name: 'a\nb\u001b[31mc\u0007' }])
  expect(said.split('\n')).toEqual(['NAME       N', 'a b[31mc   -'])
})

test('facts leave out what is not known', () => {
  expect(
    facts([
      ['Name', 'mnist'],
      ['Tags', undefined],
      ['Namespace', 'vision'],
    ]),
  ).toBe('Name:       mnist\nNamespace:  vision')
})

const second = 1000
test.each([
  [0, '0s'],
  [119 * second, '119s'],
  [120 * second, '2m'],
  [119 * 60 * second, '119m'],
  [3 * 3600 * second, '3h'],
  [72 * 3600 * second, '3d'],
])('%i ms ago is %s', (ms, said) => {
  const then = Date.parse('2026-01-01T00:00:00Z')
  expect(age('2026-01-01T00:00:00Z', then + ms)).toBe(said)
})

test('no time is no age', () => {
  expect(age(undefined, 0)).toBeUndefined()
  expect(age('soon', 0)).toBeUndefined()
})
