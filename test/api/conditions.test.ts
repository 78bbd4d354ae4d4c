import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { findCondition, isTrue, removeCondition, setCondition } from '../../src/api/conditions.ts'
import { exitCodeOf } from '../../src/api/move-result.ts'
import type { Reason } from '../../src/api/reasons/reason.ts'
import { isTerminal, reasons } from '../../src/api/reasons.ts'

const t0 = Date.parse('2026-01-01T00:00:00.500Z')
const ready = { type: 'Ready', status: 'True', reason: 'Ready', message: 'All is there.' } as const

describe('conditions', () => {
  test('a new one begins now', () => {
    expect(setCondition(undefined, ready, t0)).toEqual([{ ...ready, lastTransitionTime: '2026-01-01T00:00:00Z' }])
  })

  test('another reason or message does not begin anew', () => {
    const before = setCondition(undefined, ready, t0)
    const after = setCondition(before, { ...ready, message: 'Still.', observedGeneration: 3 }, t0 + 60_000)
    expect(after).toEqual([
      { ...ready, message: 'Still.', observedGeneration: 3, lastTransitionTime: '2026-01-01T00:00:00Z' },
    ])
  })

  test('the same again is equal, in the same place', () => {
    const list = setCondition(setCondition(undefined, ready, t0), { ...ready, type: 'StoreReachable' }, t0)
    expect(setCondition(list, ready, t0 + 60_000)).toEqual(list)
  })

  test('another status begins now', () => {
    const before = setCondition(undefined, ready, t0)
    const after = setCondition(before, { ...ready, status: 'False', reason: 'NoStore' }, t0 + 60_000)
    expect(findCondition(after, 'Ready')?.lastTransitionTime).toBe('2026-01-01T00:01:00Z')
    expect(isTrue(after, 'Ready')).toBe(false)
    expect(removeCondition(after, 'Ready')).toEqual([])
  })

  test('the list that was handed in is left as it was', () => {
    const before = Object.freeze(setCondition(undefined, ready, t0))
    setCondition(before, { ...ready, status: 'False' }, t0)
    expect(isTrue(before, 'Ready')).toBe(true)
  })
})

describe('reasons', () => {
  test('each is one word, says what it means and what to do', () => {
    for (const [name, reason] of Object.entries<Reason>(reasons)) {
      expect(name).toMatch(/^[A-Z][A-Za-z]+$/)
      expect(reason.meaning, name).toMatch(/^[A-Za-z].*\.$/)
      expect(reason.remedy, name).toMatch(/^[A-Z].*\.$/)
      if (reason.kind !== 'info') expect(reason.remedy, name).not.toBe('Nothing.')
    }
  })

  test('everything that a mover can end with is there', () => {
    for (const name of Object.keys(exitCodeOf)) expect(reasons).toHaveProperty(name)
  })

  test('everything that a controller says is there', async () => {
    const controllers = join(import.meta.dirname, '../../src/controllers')
    const files = (await readdir(controllers, { recursive: true })).filter((file) => file.endsWith('.ts'))
    const texts = await Promise.all(files.map((file) => readFile(join(controllers, file), 'utf8')))
    const said = new Set(texts.flatMap((text) => [...text.matchAll(/reason: '([A-Z]\w+)'/g)].map((match) => match[1])))
    expect(said.size).toBeGreaterThan(20)
    // Not said to anybody: why an attempt waits, and what a tombstone is for.
    const inward = ['Backoff', 'Deleted']
    expect([...said].filter((reason) => !(String(reason) in reasons) && !inward.includes(String(reason)))).toEqual([])
  })

  test('a reason that nobody knows is tried again', () => {
    expect(isTerminal('NoStore')).toBe(true)
    expect(isTerminal('Unreachable')).toBe(false)
    expect(isTerminal('SomethingElse')).toBe(false)
  })
})
