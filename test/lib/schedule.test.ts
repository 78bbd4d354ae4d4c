import { describe, expect, test } from 'vitest'
import { nextTime, scheduleProblem } from '../../src/lib/schedule.ts'

describe('schedules', () => {
  const all = (schedule: string, zone: string, from: string, count: number) => {
    const times: string[] = []
    let at = Date.parse(from)
    for (let i = 0; i < count; i++) {
      at = nextTime(schedule, zone, at) ?? Number.NaN
      times.push(new Date(at).toISOString().slice(0, 16))
    }
    return times
  }

  test.each([
    ['every night, in UTC', '0 3 * * *', 'UTC', '2026-01-31T12:00:00Z', ['2026-02-01T03:00', '2026-02-02T03:00']],
    ['on weekdays', '30 9 * * 1-5', 'UTC', '2026-01-30T10:00:00Z', ['2026-02-02T09:30', '2026-02-03T09:30']],
    [
      'by local time',
      '0 3 * * *',
      'America/New_York',
      '2026-01-10T00:00:00Z',
      ['2026-01-10T08:00', '2026-01-11T08:00'],
    ],
    // In the night to 2026-03-29 clocks in Berlin go from 2:00 to 3:00.
    [
      'on a day without that time: once',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-03-28T00:00:00Z',
      ['2026-03-28T01:30', '2026-03-29T01:00', '2026-03-30T00:30'],
    ],
    // In the night to 2026-10-25 they go back from 3:00 to 2:00.
    [
      'on a day that has it twice: once',
      '30 2 * * *',
      'Europe/Berlin',
      '2026-10-24T00:00:00Z',
      ['2026-10-24T00:30', '2026-10-25T00:30', '2026-10-26T01:30'],
    ],
  ])('%s', (_, schedule, zone, from, expected) => {
    expect(all(schedule, zone, from, expected.length)).toEqual(expected)
  })

  test.each([
    ['every now and then', 'UTC', 'five fields'],
    ['0 3 * *', 'UTC', 'five fields'],
    ['0 0 3 * * *', 'UTC', 'five fields'],
    ['61 3 * * *', 'UTC', 'five fields'],
    ['0 3 30 2 *', 'UTC', 'never'],
    ['0 3 * * *', 'Europe/Atlantis', 'time zone'],
  ])('%s (%s) is refused', (schedule, zone, words) => {
    expect(scheduleProblem(schedule, zone)).toContain(words)
    expect(nextTime(schedule, zone, 0)).toBeUndefined()
  })
})
