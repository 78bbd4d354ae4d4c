import { describe, expect, test } from 'vitest'
import { StoreError } from '../../src/stores/object-store.ts'
import { pauseBefore, TransientError, withRetry } from '../../src/stores/retry.ts'

const policy = { attempts: 3, base: 1, cap: 2 }
const final = new StoreError('unreachable', 'gone for good')

describe('trying again', () => {
  test('pauses double up to the cap, with full jitter; a server’s wish comes on top of nothing less', () => {
    const slow = { attempts: 9, base: 100, cap: 1000 }
    expect([2, 3, 4, 5, 6, 9].map((attempt) => pauseBefore(slow, attempt, undefined, () => 1))).toEqual([
      100, 200, 400, 800, 1000, 1000,
    ])
    expect(pauseBefore(slow, 5, undefined, () => 0)).toBe(0)
    expect(pauseBefore(slow, 2, 3000, () => 0.5)).toBe(3050)
    expect(pauseBefore(slow, 2, 3_600_000, () => 0)).toBe(60_000)
  })
  test('until it succeeds', async () => {
    const work = async (attempt: number) => {
      if (attempt < 3) throw new TransientError(final)
      return attempt
    }
    expect(await withRetry(policy, undefined, work)).toBe(3)
  })
  test('until the tries are used up, then what it comes to', async () => {
    let tries = 0
    const work = async () => {
      tries++
      throw new TransientError(final)
    }
    await expect(withRetry(policy, undefined, work)).rejects.toBe(final)
    expect(tries).toBe(3)
  })
  test('not after a failure that stays', async () => {
    const error = new StoreError('denied', 'no')
    await expect(withRetry(policy, undefined, () => Promise.reject(error))).rejects.toBe(error)
  })
  test('not after the signal, which also ends a pause', async () => {
    const stop = new AbortController()
    const work = async () => {
      setTimeout(() => stop.abort(), 5)
      throw new TransientError(final, 60_000)
    }
    await expect(withRetry(policy, stop.signal, work)).rejects.toMatchObject({ name: 'AbortError' })
    await expect(withRetry(policy, stop.signal, async () => 1)).rejects.toMatchObject({ name: 'AbortError' })
  })
})
