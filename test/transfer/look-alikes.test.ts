import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { LookAlikes } from '../../src/transfer/look-alikes.ts'

const found = (paths: string[]): string[] => {
  const lookAlikes = new LookAlikes()
  for (const path of paths.toSorted(compareUtf8)) lookAlikes.add(path)
  return lookAlikes.found
}

describe('names that differ only by case or normalization', () => {
  const table: [string[], string[]][] = [
    [['README', 'readme'], ['"README" and "readme" differ only by case or Unicode normalization']],
    [['a/B', 'a/b', 'a/c'], ['"a/B" and "a/b" differ only by case or Unicode normalization']],
    [['Dir/x', 'dir/y', 'dir/z'], ['"Dir" and "dir" differ only by case or Unicode normalization']],
    [['e\u0301', '\u00e9'], ['"e\u0301" and "\u00e9" differ only by case or Unicode normalization']],
    [['É', 'é'], ['"É" and "é" differ only by case or Unicode normalization']],
    [['a/x', 'b/X'], []],
    [['Dir/a', 'Dir/b', 'Dir/c/d', 'Dir/c/e'], []],
    [['a', 'b', 'c/d', 'c/e'], []],
  ]
  for (const [paths, expected] of table) test(paths.join(' '), () => expect(found(paths)).toEqual(expected))

  test('a few are reported, however many there are', () => {
    expect(found(Array.from({ length: 100 }, (_, i) => [`N${i}`, `n${i}`]).flat())).toHaveLength(5)
  })

  test('finds a pair if and only if there is one', () => {
    const name = fc.constantFrom('a', 'A', 'b', 'e\u0301', '\u00e9', '\u00c9', 'ab', 'aB', 'AB')
    const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((names) => names.join('/'))
    const fold = (text: string) => text.normalize('NFC').toLowerCase()
    fc.assert(
      fc.property(fc.uniqueArray(path, { maxLength: 8 }), (paths) => {
        const names = new Map<string, Set<string>>()
        for (const segments of paths.map((each) => each.split('/'))) {
          for (let i = 1; i <= segments.length; i++) {
            const parent = segments.slice(0, i - 1).join('/')
            const key = `${parent}//${fold(segments[i - 1]!)}`
            names.set(key, (names.get(key) ?? new Set()).add(segments[i - 1]!))
          }
        }
        const pairs = [...names.values()].some((spellings) => spellings.size > 1)
        expect(found(paths).length > 0).toBe(pairs)
      }),
    )
  })
})
