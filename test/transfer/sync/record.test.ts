import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { compareUtf8 } from '../../../src/lib/utf8.ts'
import type { Known } from '../../../src/transfer/plan.ts'
import { SyncRecord } from '../../../src/transfer/sync/record.ts'

let dir: string
beforeEach(() => {
  dir = mkdtempSync(join(tmpdir(), 'granary-record-'))
})
afterEach(() => rmSync(dir, { recursive: true, force: true }))

const known = (p: string, state = 1): Known => ({
  ...{ p, size: state, h: String(state).padStart(64, '0'), x: state % 2 === 0, source: [`etag-${state}`] },
  there: [state, 1.0625, 1234567890123.0625],
})

let synced = 0
const open = async (boot = 'boot-1') => {
  const record = new SyncRecord(dir, boot, async () => void synced++)
  await record.open()
  return record
}
const contents = async (record: SyncRecord) => {
  const all: Known[] = []
  for await (const batch of record.known()) all.push(...batch)
  return all
}

test('what is added is known to the next run, in order', async () => {
  const record = await open()
  const link: Known = { p: 'b/link', size: 0, h: '', x: false, l: '../a', source: [1], there: [2] }
  for (const each of [known('b'), known('a'), link, known('\u{10000}'), known('\uffee')]) record.add(each)
  expect(await contents(record)).toEqual([])
  const totals = await record.finish()
  expect(totals).toMatchObject({ files: 5, bytes: 4, digest: expect.stringMatching(/^[0-9a-f]{64}$/) })
  const next = await open()
  expect(await contents(next)).toEqual([known('a'), known('b'), link, known('\uffee'), known('\u{10000}')])
  const before = readFileSync(join(dir, 'base'))
  expect(await next.finish()).toEqual(totals)
  expect(readFileSync(join(dir, 'base'))).toEqual(before)
  expect(readdirSync(dir)).toEqual(['base'])
})

test('the base is written only when the files are on the disk, and not at all when nothing changed', async () => {
  const before = synced
  const record = await open()
  record.add(known('a'))
  await record.finish()
  expect(synced).toBe(before + 1)
  await (await open()).finish()
  expect(synced).toBe(before + 1)
})

test('what a killed run wrote down is taken over, up to a line that was cut off', async () => {
  const first = await open()
  first.add(known('a'))
  first.add(known('b'))
  await first.finish()
  const second = await open()
  second.add(known('a', 2))
  second.add(known('c'))
  second.forget('b')
  second.flush()
  appendFileSync(join(dir, 'journal'), '["d",1,"00')
  const third = await open()
  expect(await contents(third)).toEqual([known('a', 2), known('c')])
  expect(existsSync(join(dir, 'journal'))).toBe(false)
})

test('a journal from before the machine started is forgotten: its files may never have reached the disk', async () => {
  const first = await open('boot-1')
  first.add(known('a'))
  await first.finish()
  const second = await open('boot-1')
  second.add(known('b'))
  second.flush()
  expect(await contents(await open('boot-2'))).toEqual([known('a')])
})

test('a damaged base is believed up to the damage, and written anew', async () => {
  const record = await open()
  for (const p of ['a', 'b', 'c']) record.add(known(p))
  const totals = await record.finish()
  const lines = readFileSync(join(dir, 'base'), 'utf8').split('\n')
  writeFileSync(join(dir, 'base'), `${lines[0]}\n["b",1`)
  const next = await open()
  expect(await contents(next)).toEqual([known('a')])
  next.add(known('b'))
  next.add(known('c'))
  expect(await next.finish()).toEqual(totals)
})

test('more lines than are held in memory come out as one sorted base', async () => {
  const record = await open()
  const paths = Array.from({ length: 35_000 }, (_, i) => `f${String((i * 7919) % 35_000).padStart(6, '0')}`)
  for (const p of paths) record.add(known(p))
  expect((await record.finish()).files).toBe(35_000)
  const next = await open()
  expect((await contents(next)).map(({ p }) => p)).toEqual([...paths].sort())
  for (const p of paths.slice(0, 20_000)) next.forget(p)
  for (const p of paths.slice(34_000)) next.add(known(p, 5))
  await next.finish()
  const rest = await contents(await open())
  expect(rest).toHaveLength(15_000)
  expect(rest.filter(({ size }) => size === 5)).toHaveLength(1000)
})

test('any runs, killed or finished, leave what the last word about each path was', async () => {
  const path = fc.constantFrom('a', 'a/b', 'a-b', 'b', 'é', '\u{10000}')
  const word = fc.record({ p: path, state: fc.option(fc.integer({ min: 1, max: 9 }), { nil: undefined }) })
  const run = fc.record({ words: fc.uniqueArray(word, { selector: ({ p }) => p, maxLength: 6 }), killed: fc.boolean() })
  const property = fc.asyncProperty(fc.array(run, { maxLength: 5 }), async (runs) => {
    rmSync(dir, { recursive: true })
    SyncRecord.makeDirectory(dir)
    const model = new Map<string, Known>()
    for (const { words, killed } of runs) {
      const record = await open()
      for (const { p, state } of words) {
        if (state === undefined) record.forget(p)
        else record.add(known(p, state))
        if (state === undefined) model.delete(p)
        else model.set(p, known(p, state))
      }
      record.flush()
      if (!killed) await record.finish()
    }
    expect(await contents(await open())).toEqual([...model.values()].sort((a, b) => compareUtf8(a.p, b.p)))
  })
  await fc.assert(property, { numRuns: 30 })
})
