import { describe, expect, test } from 'vitest'
import { sleep } from '../../src/lib/abort.ts'
import { backoffMs } from '../../src/lib/backoff.ts'
import { toMicroTime, toTime } from '../../src/lib/clock.ts'
import { createLog } from '../../src/lib/log.ts'
import { Releasers } from '../../src/lib/releasers.ts'

test('backoff doubles up to its limit, and jitter only shortens it', () => {
  const options = { base: 1000, max: 300_000 }
  expect([1, 2, 3, 9, 10, 5000].map((failures) => backoffMs(failures, options))).toEqual([
    1000, 2000, 4000, 256_000, 300_000, 300_000,
  ])
  expect([0, 0.5, 1].map((random) => backoffMs(1, { ...options, jitter: 0.5 }, () => random))).toEqual([1000, 750, 500])
})

test('times as the API server takes them', () => {
  const ms = Date.UTC(2026, 0, 2, 3, 4, 5, 67)
  expect([toTime(ms), toMicroTime(ms)]).toEqual(['2026-01-02T03:04:05Z', '2026-01-02T03:04:05.067000Z'])
})

test('a sleep ends when it is aborted', async () => {
  const stop = new AbortController()
  const sleeping = sleep(1_000_000, stop.signal)
  stop.abort()
  await sleeping
  await sleep(1_000_000, stop.signal)
})

describe('log and releasers', () => {
  const capture = () => {
    const lines: string[] = []
    return { lines, log: createLog('info', { write: (line) => void lines.push(line) }) }
  }

  test('secrets by their usual names are not written', () => {
    const { lines, log } = capture()
    log
      .child({ controller: 'x' })
      .info(
        { token: 'abc', request: { headers: { Authorization: 'Bearer abc' } }, secret: { data: { k: 'abc' } } },
        'm',
      )
    expect(lines.join()).not.toContain('abc')
    expect(JSON.parse(lines[0] ?? '')).toMatchObject({
      level: 'info',
      controller: 'x',
      msg: 'm',
      time: expect.any(String),
    })
  })

  test('the last thing is released first, and a failure keeps nobody from it', async () => {
    const { lines, log } = capture()
    const order: string[] = []
    const releasers = new Releasers(log)
    releasers.push('first', () => void order.push('first'))
    releasers.push('bad', () => Promise.reject(new Error('no')))
    releasers.push('last', async () => void order.push('last'))
    await releasers.run()
    expect([order, JSON.parse(lines[0] ?? '')]).toEqual([
      ['last', 'first'],
      expect.objectContaining({ step: 'bad', error: 'no' }),
    ])
  })
})
