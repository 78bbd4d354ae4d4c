import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { reportProgress } from '../../src/mover/progress.ts'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

test('a line every two seconds, only when something moved, none after the end', () => {
  const lines: unknown[] = []
  const progress = reportProgress((line) => lines.push(JSON.parse(line)), Date.now)
  vi.advanceTimersByTime(10_000)
  expect(lines).toEqual([])
  progress.bytes(500)
  progress.bytes(500)
  vi.advanceTimersByTime(6000)
  progress.expect(4, 4000)
  progress.files(1)
  progress.bytes(3000)
  vi.advanceTimersByTime(2000)
  progress.stop()
  progress.files(1)
  vi.advanceTimersByTime(4000)
  expect(lines).toEqual([
    { progress: { filesDone: 0, bytesDone: 1000, bytesPerSecond: expect.any(Number) } },
    { progress: { filesDone: 1, bytesDone: 4000, filesTotal: 4, bytesTotal: 4000, bytesPerSecond: 500 } },
  ])
})
