import { Cron } from 'croner'

const read = (schedule: string, timeZone: string): Cron =>
  new Cron(schedule, { paused: true, timezone: timeZone, mode: '5-part' })

/** What is wrong with the five fields of cron, or the time zone; undefined: nothing. */
export const scheduleProblem = (schedule: string, timeZone = 'UTC'): string | undefined => {
  try {
    new Intl.DateTimeFormat('en', { timeZone })
  } catch {
    return `"${timeZone}" is no time zone: write one such as Europe/Berlin`
  }
  try {
    return read(schedule, timeZone).nextRun() === null ? `"${schedule}" never comes` : undefined
  } catch {
    return `"${schedule}" is not the five fields of cron: write "0 3 * * *" for three o'clock each night`
  }
}

/**
 * The first time of the schedule after `after`, both in ms since 1970; undefined: never, or it makes no sense. In the night when clocks go forward a time that
 * does not exist comes as soon as it can; when they go back, once.
 */
export const nextTime = (schedule: string, timeZone: string | undefined, after: number): number | undefined => {
  if (scheduleProblem(schedule, timeZone) !== undefined) return undefined
  return read(schedule, timeZone ?? 'UTC')
    .nextRun(new Date(after))
    ?.getTime()
}
