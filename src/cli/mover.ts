import { writeFile } from 'node:fs/promises'
import { mountOf } from '../api/move.ts'
import { readMoverConfig } from '../config.ts'
import { createLog } from '../lib/log.ts'
import { runOperation } from '../mover/operations.ts'
import { runMove } from '../mover/run.ts'
import { readRedactor } from '../mover/secrets.ts'
import { openStore } from '../stores/open.ts'

/**
 * The program in a mover's pod: one MoveSpec in, progress on stdout, one result in the termination message. Returns the exit code.
 * `signal` is aborted when the pod is told to stop.
 */
export const mover = async (_args: string[], signal: AbortSignal): Promise<number> => {
  const config = readMoverConfig()
  const redact = await readRedactor(config.paths.credentials, config.secrets)
  const write = (text: string) => void process.stdout.write(redact(text))
  const stores = {
    credentialsDir: config.paths.credentials,
    caDir: config.paths.ca,
    mountOf: (name: string) => config.paths.root + mountOf(name),
  }
  return runMove({
    spec: config.spec,
    openStore: (location) => openStore(stores, location),
    data: config.paths.data,
    operation: runOperation,
    write,
    writeResult: (text) => writeFile(config.terminationLog, redact(text)),
    log: createLog(config.logLevel, { write }),
    now: () => Date.now(),
    signal,
  })
}
