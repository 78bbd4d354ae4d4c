import { appendFileSync, readdirSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { Partials } from '../../../src/transfer/sync/partials.ts'

let dir: string
beforeEach(async () => {
  dir = join(await mkdtemp(join(tmpdir(), 'granary-partials-')), 'parts')
})
afterEach(() => rm(join(dir, '..'), { recursive: true }))

const state = ['s3://bucket', 'key', 100, 'etag']

/** A run that was stopped with so many bytes on the disk, and what it wrote down. */
const stopped = (bytes: number, ...whole: number[]) => {
  const partial = new Partials(dir).open('a/b', state)
  writeFileSync(partial.file, Buffer.alloc(bytes))
  for (const each of whole) partial.whole(each)
  return partial
}

test('what was written down is there for the next run', () => {
  expect(stopped(60, 20, 40).worthKeeping).toBe(true)
  expect(new Partials(dir).open('a/b', state).have).toBe(40)
})

test.each<[string, () => unknown, readonly unknown[]]>([
  ['nothing was written down', () => stopped(60), state],
  ['it started over', () => stopped(60, 40, 0), state],
  ['it is of another state', () => stopped(60, 40), ['s3://bucket', 'key', 100, 'other']],
  ['the file is shorter than what was written down', () => stopped(30, 40), state],
  ['the note is damaged', () => appendFileSync(`${stopped(60, 40).file}.state`, 'x\n'), state],
])('nothing is taken for there if %s', (_, arrange, wanted) => {
  arrange()
  const partial = new Partials(dir).open('a/b', wanted)
  expect(partial.have).toBe(0)
  expect(readdirSync(dir)).toHaveLength(1)
})

test('a line that was not written to its end does not count', () => {
  appendFileSync(`${stopped(60, 40).file}.state`, '5')
  expect(new Partials(dir).open('a/b', state).have).toBe(40)
})

test('what is finished leaves nothing', () => {
  stopped(60, 40).forget()
  expect(readdirSync(dir)).toEqual([])
})
