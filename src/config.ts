import { z } from 'zod'
import { moverPaths } from './api/move.ts'

const Mover = z.object({
  GRANARY_MOVE_SPEC: z.string().default(''),
  /** The directory that holds data, credentials and ca: `/` in a pod. */
  GRANARY_MOVER_ROOT: z.string().default(''),
  GRANARY_TERMINATION_LOG: z.string().default('/dev/termination-log'),
  GRANARY_LOG_LEVEL: z.enum(['fatal', 'error', 'warn', 'info', 'debug', 'trace']).default('info'),
  AWS_SECRET_ACCESS_KEY: z.string().default(''),
  AWS_SESSION_TOKEN: z.string().default(''),
})

export interface MoverConfig {
  /** The JSON of a MoveSpec. */
  spec: string
  terminationLog: string
  paths: { data: string; credentials: string; ca: string }
  logLevel: z.output<typeof Mover>['GRANARY_LOG_LEVEL']
  /** Secrets that came by the environment: never to be printed. */
  secrets: string[]
}

/** What a mover's pod is told by its environment. Throws a sentence if a value is not one of those allowed. */
export const readMoverConfig = (env: NodeJS.ProcessEnv = process.env): MoverConfig => {
  const parsed = Mover.safeParse(env)
  if (!parsed.success) throw new Error(`the mover's environment is not valid: ${z.prettifyError(parsed.error)}`)
  const { GRANARY_MOVE_SPEC: spec, GRANARY_MOVER_ROOT: root, GRANARY_TERMINATION_LOG: terminationLog } = parsed.data
  const { data, credentials, ca } = moverPaths
  return {
    spec,
    terminationLog,
    paths: { data: root + data, credentials: root + credentials, ca: root + ca },
    logLevel: parsed.data.GRANARY_LOG_LEVEL,
    secrets: [parsed.data.AWS_SECRET_ACCESS_KEY, parsed.data.AWS_SESSION_TOKEN],
  }
}
