import type { Logger } from 'pino'
import * as z from 'zod'
import { type MoveLocation, MoveSpec } from '../api/move.ts'
import { exitCodeOf, exitCodes, type MoveDone, type MoveResult } from '../api/move-result.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { MoveDeps } from './deps.ts'
import { failureOf, MoveFailure } from './failure.ts'
import { reportProgress } from './progress.ts'
import { failedResult, resultText } from './result.ts'

export interface RunDeps {
  /** The JSON of a MoveSpec. */
  spec: string
  openStore(location: MoveLocation): Promise<ObjectStore>
  data: string
  operation(deps: MoveDeps, spec: MoveSpec): Promise<MoveDone>
  /** Progress lines go here. */
  write(text: string): void
  /** The termination message; given once. */
  writeResult(text: string): Promise<void>
  log: Logger
  now(): number
  signal: AbortSignal
}

const parseSpec = (text: string): MoveSpec => {
  let value: unknown
  try {
    value = JSON.parse(text)
  } catch {
    throw new MoveFailure('InvalidSpec', 'GRANARY_MOVE_SPEC is no JSON: the operator writes it')
  }
  const op = typeof value === 'object' && value !== null ? (value as { op?: unknown }).op : undefined
  const schema = MoveSpec.options.find((option) => option.shape.op.value === op)
  if (schema === undefined)
    throw new MoveFailure(
      'InvalidSpec',
      'GRANARY_MOVE_SPEC names no operation that this mover has: is its image as new as the operator?',
    )
  const parsed = schema.safeParse(value)
  if (!parsed.success)
    throw new MoveFailure('InvalidSpec', `GRANARY_MOVE_SPEC is not valid: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** File and line of each frame, without the error's own words. */
const framesOf = (error: unknown): string[] => {
  const stack = error instanceof Error ? (error.stack ?? '') : ''
  return stack
    .split('\n')
    .filter((line) => /^\s+at /.test(line))
    .map((line) => line.trim())
    .slice(0, 12)
}

const logFailure = (log: Logger, failure: MoveFailure): void => {
  const cause = failure.cause
  const code = (cause as NodeJS.ErrnoException | undefined)?.code
  const fields = {
    reason: failure.reason,
    names: failure.names,
    ...(code && { code }),
    frames: framesOf(cause ?? failure),
  }
  log.error(fields, failure.message)
}

/** One move from spec to result. Returns the exit code; never throws but for a result that can't be written. */
export const runMove = async (deps: RunDeps): Promise<number> => {
  const { log, signal } = deps
  const stores: ObjectStore[] = []
  const openStore = async (location: MoveLocation) => {
    const store = await deps.openStore(location)
    stores.push(store)
    return store
  }
  const progress = reportProgress(deps.write, deps.now)
  let op: MoveSpec['op'] | 'Unknown' = 'Unknown'
  let result: MoveResult
  let code: number = exitCodes.done
  try {
    const spec = parseSpec(deps.spec)
    op = spec.op
    log.info({ op }, 'started')
    result = await deps.operation({ openStore, data: deps.data, progress, log, now: deps.now, signal }, spec)
    log.info({ result }, 'done')
  } catch (error) {
    const failure = signal.aborted
      ? new MoveFailure('Unreachable', 'the mover was told to stop before it was done: it is tried again')
      : failureOf(error)
    logFailure(log, failure)
    code = exitCodeOf[failure.reason]
    result = failedResult(op, failure)
  } finally {
    progress.stop()
    await Promise.allSettled(stores.map((store) => store.close()))
  }
  await deps.writeResult(resultText(result))
  return code
}
