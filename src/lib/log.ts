import { type DestinationStream, type Logger, pino } from 'pino'
import type { LogLevel } from './log-levels.ts'

export type Log = Logger

/** Whatever is logged under these names, at any of the first two levels, is a secret. */
const secrets = [
  'token',
  'authorization',
  'Authorization',
  'password',
  'secretAccessKey',
  'sessionToken',
  'headers',
  'data',
  'stringData',
]

/** JSON lines with RFC 3339 times and the level by name. Secrets by their usual names are cut out. */
export const createLog = (level: LogLevel, destination?: DestinationStream): Log =>
  pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: secrets.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    destination ?? pino.destination({ dest: 1, sync: true }),
  )
