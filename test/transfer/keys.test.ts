import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { makeFilter } from '../../src/transfer/filter.ts'
import { KeyRules, type Verdict } from '../../src/transfer/keys.ts'

const everything = () => true
/** Judges keys in the order of a listing. */
const judge = (keys: Record<string, number>, wanted = everything as (path: string) => boolean, prefix = 'p/') => {
  const rules = new KeyRules(prefix, wanted)
  const verdicts: Record<string, Verdict['kind']> = {}
  for (const path of Object.keys(keys).sort(compareUtf8)) verdicts[path] = rules.judge(prefix + path, keys[path]!).kind
  return { rules, verdicts }
}

describe('what becomes of a key', () => {
  const table: [string, string, number, Verdict][] = [
    ['the prefix itself', '', 0, { kind: 'skipped' }],
    ['a directory marker', 'dir/', 0, { kind: 'skipped' }],
    ['a deep directory marker', 'a/b/', 0, { kind: 'skipped' }],
    ['an empty file', 'empty', 0, { kind: 'file', path: 'empty' }],
    ['spaces', ' a b ', 1, { kind: 'file', path: ' a b ' }],
    ['Unicode', 'ä/日本/\u{1f600}', 1, { kind: 'file', path: 'ä/日本/\u{1f600}' }],
    ['dots in names', '...a/.b/c..', 1, { kind: 'file', path: '...a/.b/c..' }],
    ['special characters', `a'b"c\\d%20?#*`, 1, { kind: 'file', path: `a'b"c\\d%20?#*` }],
    [
      '1,024 bytes in short segments',
      `${'abcdefg/'.repeat(127)}abcdefgh`,
      1,
      { kind: 'file', path: `${'abcdefg/'.repeat(127)}abcdefgh` },
    ],
    ['a segment of 255 bytes', 'x'.repeat(255), 1, { kind: 'file', path: 'x'.repeat(255) }],
    ['a slash with bytes', 'x/', 5, { kind: 'invalid', problem: 'ends in a slash and has bytes' }],
    ['absolute', '/x', 5, { kind: 'invalid', problem: 'is absolute' }],
    ['an empty marker of nothing', '/', 0, { kind: 'invalid', problem: 'is absolute' }],
    ['two dots', 'a/../b', 5, { kind: 'invalid', problem: 'has an empty segment, `.` or `..`' }],
    ['a marker with two dots', '../', 0, { kind: 'invalid', problem: 'has an empty segment, `.` or `..`' }],
    ['one dot', './b', 5, { kind: 'invalid', problem: 'has an empty segment, `.` or `..`' }],
    ['an empty segment', 'a//b', 5, { kind: 'invalid', problem: 'has an empty segment, `.` or `..`' }],
    ['a control character', 'a\u0007', 5, { kind: 'invalid', problem: 'has a control character' }],
    ['a line feed', 'a\nb', 5, { kind: 'invalid', problem: 'has a control character' }],
    ['a segment of 256 bytes', 'é'.repeat(128), 5, { kind: 'invalid', problem: 'has a segment longer than 255 bytes' }],
  ]
  for (const [what, path, size, verdict] of table) {
    test(what, () => expect(new KeyRules('p/', everything).judge(`p/${path}`, size)).toEqual(verdict))
  }

  test('without a prefix, too', () => {
    const rules = new KeyRules('', everything)
    expect(rules.judge('a', 1)).toEqual({ kind: 'file', path: 'a' })
    expect(rules.judge('/a', 1).kind).toBe('invalid')
  })

  test('a file beside files under it, with others between', () => {
    const { rules, verdicts } = judge({ a: 1, 'a-b': 1, 'a.txt': 1, 'a/b': 1, 'a/c': 1, b: 1 })
    expect(verdicts).toMatchObject({ a: 'file', 'a-b': 'file', 'a/b': 'invalid', b: 'file' })
    expect(rules.named).toEqual([{ key: 'p/a', problem: 'is a file and a directory at once' }])
  })

  test('a marker beside its files is no conflict', () => {
    expect(judge({ 'a/': 0, 'a/b': 1 }).rules).toMatchObject({ invalid: 0, skipped: 1 })
  })

  test('the first five are named, all are counted', () => {
    const { rules } = judge(Object.fromEntries(Array.from({ length: 8 }, (_, i) => [`bad${i}//x`, 1])))
    expect(rules.invalid).toBe(8)
    expect(rules.named.map(({ key }) => key)).toEqual([0, 1, 2, 3, 4].map((i) => `p/bad${i}//x`))
  })

  test('exclude is the way out of every one of them', () => {
    const bad = { 'bad/../x': 1, 'bad//y': 1, 'bad/./z': 1, 'bad/a\nb': 1, 'bad/': 3, good: 1 }
    const { rules, verdicts } = judge(bad, makeFilter({ exclude: ['bad/**'] }))
    expect(rules.invalid).toBe(0)
    expect(Object.entries(verdicts).filter(([, kind]) => kind === 'file')).toEqual([['good', 'file']])
  })
})

describe('properties', () => {
  const segment = fc.constantFrom('a', 'b', 'A', '.', '..', '', 'a-b', 'é', 'x y', 'a.', '\u0001')
  const path = fc.array(segment, { minLength: 1, maxLength: 4 }).map((segments) => segments.join('/'))

  test('every key is a file, skipped or refused; files make a tree; nothing is changed', () => {
    fc.assert(
      fc.property(fc.dictionary(path, fc.nat(2)), (keys) => {
        const { rules, verdicts } = judge(keys)
        const files = Object.keys(verdicts).filter((key) => verdicts[key] === 'file')
        const refused = Object.values(verdicts).filter((kind) => kind === 'invalid').length
        expect(rules.invalid).toBe(refused)
        expect(files.length + refused + rules.skipped).toBe(Object.keys(keys).length)
        if (refused > 0) return
        const directories = new Set(
          files.flatMap((file) => file.split('/').map((_, i, all) => all.slice(0, i).join('/'))),
        )
        expect(files.filter((file) => directories.has(file))).toEqual([])
        for (const file of files)
          expect(file.split('/').every((name) => !['', '.', '..', '\u0001'].includes(name))).toBe(true)
      }),
    )
  })

  test('a tree of good names is taken whole', () => {
    const name = fc.constantFrom('a', 'b', 'c.txt', 'é', ' ')
    const tree = fc.uniqueArray(fc.array(name, { minLength: 2, maxLength: 2 }).map((parts) => parts.join('/')))
    fc.assert(
      fc.property(tree, (files) => {
        const { verdicts } = judge(Object.fromEntries(files.map((file) => [file, 1])))
        expect(Object.values(verdicts).every((kind) => kind === 'file')).toBe(true)
      }),
    )
  })
})
