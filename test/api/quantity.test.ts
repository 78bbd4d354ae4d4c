import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { formatDuration, parseDuration } from '../../src/api/duration.ts'
import { formatBytes, formatQuantity, parseQuantity } from '../../src/api/quantity.ts'

describe('quantities', () => {
  test.each([
    ['0', 0],
    ['1', 1],
    [12, 12],
    ['20Gi', 20 * 2 ** 30],
    ['1.5Gi', 1.5 * 2 ** 30],
    ['1.5G', 1.5e9],
    ['128974848', 128974848],
    ['129e6', 129e6],
    ['129M', 129e6],
    ['123Mi', 123 * 2 ** 20],
    ['128974848000m', 128974848],
    ['500m', 1],
    ['1E3', 1000],
    ['1Ei', 2 ** 60],
    ['.5', 1],
    ['0.1', 1],
    ['0.3k', 300],
  ])('%s', (text, bytes) => {
    expect(parseQuantity(text)).toBe(bytes)
  })

  test.each(['', 'Gi', '20GB', '20 Gi', '1,5G', '1e', 'abc', '0x10', '1.2.3', Number.NaN])('%s is none', (text) => {
    expect(parseQuantity(text)).toBeUndefined()
  })

  test('a volume for so many bytes is never smaller, and not much larger', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 2 ** 50 }), (bytes) => {
        const size = parseQuantity(formatQuantity(bytes)) ?? -1
        expect(size).toBeGreaterThanOrEqual(bytes)
        expect(size - bytes).toBeLessThanOrEqual(2 ** 20)
      }),
    )
  })

  test.each([
    [0, '1Mi'],
    [2 ** 30, '1Gi'],
    [2 ** 30 + 1, '1025Mi'],
  ])('%d bytes are asked for as %s', (bytes, text) => {
    expect(formatQuantity(bytes)).toBe(text)
  })

  test.each([
    [0, '0 B'],
    [1023, '1023 B'],
    [1024, '1.0 KiB'],
    [11_954_176, '11.4 MiB'],
    [150 * 2 ** 30, '150 GiB'],
  ])('%d bytes are said as %s', (bytes, text) => {
    expect(formatBytes(bytes)).toBe(text)
  })
})

describe('durations', () => {
  test.each([
    ['0s', 0],
    ['90s', 90_000],
    ['10m', 600_000],
    ['72h', 72 * 3_600_000],
    ['1h30m5s', 5_405_000],
  ])('%s', (text, milliseconds) => {
    expect(parseDuration(text)).toBe(milliseconds)
  })

  test.each(['', '10', 's', '1d', '5m1h', '-1s', '1.5h', '1h 30m'])('"%s" is none', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  test('what is written is what is read', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 10_000_000 }), (seconds) => {
        expect(parseDuration(formatDuration(seconds * 1000))).toBe(seconds * 1000)
      }),
    )
  })
})
