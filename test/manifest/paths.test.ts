import { describe, expect, test } from 'vitest'
import { linkProblem, NestingGuard, pathProblem } from '../../src/manifest/paths.ts'

describe('paths', () => {
  test.each([
    'a',
    'a b/ c ',
    '...',
    'a/..b/c.',
    '-',
    '~/x',
    '日本/😀',
    'e\u0301',
    'x'.repeat(255),
    `${`${'x'.repeat(127)}/`.repeat(7)}${'y'.repeat(128)}`,
  ])('%j is fine', (path) => expect(pathProblem(path)).toBeUndefined())

  test.each([
    ['', 'is empty'],
    ['/a', 'is absolute'],
    ['a/', 'has an empty segment, `.` or `..`'],
    ['a//b', 'has an empty segment, `.` or `..`'],
    ['.', 'has an empty segment, `.` or `..`'],
    ['./a', 'has an empty segment, `.` or `..`'],
    ['a/./b', 'has an empty segment, `.` or `..`'],
    ['..', 'has an empty segment, `.` or `..`'],
    ['../a', 'has an empty segment, `.` or `..`'],
    ['a/../b', 'has an empty segment, `.` or `..`'],
    ['a/..', 'has an empty segment, `.` or `..`'],
    ['a\nb', 'has a control character'],
    ['a\0', 'has a control character'],
    ['a\x7f', 'has a control character'],
    ['a\x85', 'has a control character'],
    ['\ud800', 'is not valid Unicode'],
    ['x'.repeat(256), 'has a segment longer than 255 bytes'],
    [`a/${'ä'.repeat(128)}/b`, 'has a segment longer than 255 bytes'],
    [`${`${'x'.repeat(127)}/`.repeat(7)}${'y'.repeat(129)}`, 'is longer than 1024 bytes'],
  ])('%j %s', (path, problem) => expect(pathProblem(path)).toBe(problem))
})

describe('symlinks', () => {
  test.each([
    ['l', 'a'],
    ['l', '.'],
    ['l', './a//b'],
    ['d/l', '..'],
    ['d/e/l', '../../a'],
    ['l', 'a/b/c'],
  ])('%j to %j stays in the tree', (path, target) => expect(linkProblem(path, target)).toBeUndefined())

  test.each([
    ['l', ''],
    ['l', '/etc/passwd'],
    ['l', '..'],
    ['d/l', '../..'],
    ['d/l', '.././../x'],
    ['l', 'a/../../x'],
    ['a/b/l', 'up/../x'],
    ['l', 'a\nb'],
    ['l', '\udc00'],
    ['l', 'a/'.repeat(2048)],
  ])('%j to %j is refused', (path, target) => expect(linkProblem(path, target)).toMatch(/^is a symlink/))
})

test('a file that is also a directory is found, also with others between', () => {
  const guard = new NestingGuard()
  const found = ['a', 'a-b', 'a-b-c', 'a.x/y', 'a/b', 'b/c', 'b/c!', 'b/c/d/e'].map((path) => guard.add(path))
  expect(found).toEqual([undefined, undefined, undefined, undefined, 'a', undefined, undefined, 'b/c'])
})
