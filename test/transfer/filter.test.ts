import { describe, expect, test } from 'vitest'
import { makeFilter } from '../../src/transfer/filter.ts'

describe('include and exclude', () => {
  const table: [string, { include?: string[]; exclude?: string[] }, string[], string[]][] = [
    ['nothing said', {}, ['a', '.b', 'c/d'], []],
    ['an include', { include: ['*.png'] }, ['a.png', '.a.png'], ['b.txt', 'sub/a.png']],
    ['any depth', { include: ['**/*.png'] }, ['a.png', 'x/y/b.png', '.hidden/c.png'], ['a.jpg']],
    ['a directory', { include: ['train/**'] }, ['train/a', 'train/b/c', 'train/.d'], ['test/a', 'trainer/a']],
    ['an exclude', { exclude: ['**/.DS_Store'] }, ['a', 'b/c'], ['.DS_Store', 'b/.DS_Store']],
    ['exclude wins', { include: ['**'], exclude: ['a/**'] }, ['b'], ['a/b']],
    ['braces', { include: ['{train,test}/*'] }, ['train/a', 'test/b'], ['val/c']],
    ['a leading ! is no negation', { exclude: ['!important'] }, ['a', 'important'], ['!important']],
    ['what no volume can hold can be excluded', { exclude: ['x/**'] }, ['y/../z'], ['x/../y', 'x//y', 'x/\n', 'x/']],
    ['by name, too', { exclude: ['a/../b'] }, ['a/b'], ['a/../b']],
  ]
  for (const [what, globs, passes, stays] of table) {
    test(what, () => {
      const wanted = makeFilter(globs)
      expect(passes.filter((path) => !wanted(path))).toEqual([])
      expect(stays.filter((path) => wanted(path))).toEqual([])
    })
  }
})
