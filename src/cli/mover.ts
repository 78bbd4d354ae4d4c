import { writeFile } from 'node:fs/promises'
import { pino } from 'pino'
import { readMoverConfig } from '../config.ts'
import { runOperation } from '../mover/operations.ts'
import { runMove } from '../mover/run.ts'
import { readRedactor } from '../mover/secrets.ts'
import { openStore } from '../stores/open.ts'

/** The program in a mover's pod: one MoveSpec in, progress on stdout, one result in the termination message. Returns the exit code. */
export const mover = async (): Promise<number> => {
  const config = readMoverConfig()
  const redact = await readRedactor(config.paths.credentials, config.secrets)
  const write = (text: string) => void process.stdout.write(redact(text))
  const stop = new AbortController()
  process.once('SIGTERM', () => stop.abort(new Error('the mover was told to stop')))
  const options = { level: config.logLevel, base: null, timestamp: pino.stdTimeFunctions.isoTime }
  return runMove({
    spec: config.spec,
    openStore: (location) => openStore({ credentialsDir: config.paths.credentials, caDir: config.paths.ca }, location),
    data: config.paths.data,
    operation: runOperation,
    write,
    writeResult: (text) => writeFile(config.terminationLog, redact(text)),
    log: pino(options, { write }),
    now: () => performance.now(),
    signal: stop.signal,
  })
}
