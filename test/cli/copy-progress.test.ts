import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { humanSize, progressLine, showProgress } from '../../src/cli/copy-progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

const counts = { files: 2, bytes: 1024, filesTotal: 4, bytesTotal: 4096, final: true, bytesPerSecond: 512 }

test('sizes', () => {
  expect([0, 1023, 1024, 1536, 1024 ** 2 * 999, 1024 ** 3 * 2].map(humanSize)).toEqual([
    ...['0 B', '1023 B', '1.00 KiB', '1.50 KiB', '999 MiB', '2.00 GiB'],
  ])
})

test('lines', () => {
  expect(progressLine(counts, false)).toBe('2 of 4 files, 1.00 KiB of 4.00 KiB, 512 B/s, 6 s left')
  expect(progressLine({ ...counts, final: false }, false)).toBe('2 of 4 files so far, 1.00 KiB of 4.00 KiB, 512 B/s')
  expect(progressLine(counts, true)).toMatch(/^\[#{5}\.{15}\] 2 of 4/)
  expect(progressLine({ ...counts, bytesTotal: 0, bytes: 0 }, true)).toMatch(/^\[#{10}\.{10}\]/)
})

test('a line only when something moved, with the rate of what was moved and not of what was there', () => {
  let now = 0
  const lines: string[] = []
  const progress = showProgress({ write: (text) => lines.push(text) }, () => now)
  const tick = () => {
    now += 2000
    vi.advanceTimersByTime(2000)
  }
  progress.expect(10, 10_240, true)
  progress.kept(8192)
  progress.bytes(1024)
  progress.files(1)
  tick()
  expect(lines).toEqual(['2 of 10 files, 9.00 KiB of 10.0 KiB, 512 B/s, 2 s left\n'])
  for (let i = 0; i < 10; i++) tick()
  const { length } = lines
  expect(lines.at(-1)).toContain(' 0 B/s')
  tick()
  expect(lines).toHaveLength(length)
  progress.stop()
})

test('on a terminal each line takes the place of the last, and none is left', () => {
  const lines: string[] = []
  const progress = showProgress({ write: (text) => lines.push(text), isTTY: true }, () => 0)
  progress.expect(1, 1, true)
  vi.advanceTimersByTime(200)
  progress.stop()
  expect(lines[0]?.startsWith('\r\x1b[K[')).toBe(true)
  expect(lines.at(-1)).toBe('\r\x1b[K')
})
