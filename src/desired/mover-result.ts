import { exitCodeOf, type MoveFailed, type MoveResult } from '../api/move-result.ts'
import type { PodObject } from './objects.ts'

export type FailureReason = MoveFailed['reason'] | 'MoverFailed' | 'NodeLost'

const terminated = (pod: PodObject) => pod.status?.containerStatuses?.[0]?.state?.terminated

/** What a mover that has ended left as its termination message; undefined if it has not ended or that can't be read. */
export const readResult = (pod: PodObject): MoveResult | undefined => {
  const end = terminated(pod)
  if (end?.message === undefined) return undefined
  try {
    const result: unknown = JSON.parse(end.message)
    if (typeof result !== 'object' || result === null || !('outcome' in result) || !('op' in result)) return undefined
    // A result counts as done only together with exit code 0: the message may be older than what killed the process.
    return end.exitCode === 0 || result.outcome === 'Failed' ? (result as MoveResult) : undefined
  } catch {
    return undefined
  }
}

/** For movers that could leave no sentence: the first reason of their exit code. */
const byExitCode = (code: number): FailureReason | undefined =>
  (Object.keys(exitCodeOf) as (keyof typeof exitCodeOf)[]).find((reason) => exitCodeOf[reason] === code)

/** Why a mover's pod that has ended did not do its work. */
export const failureOf = (pod: PodObject): { reason: FailureReason; message: string; names?: string[] } => {
  const result = readResult(pod)
  if (result?.outcome === 'Failed')
    return {
      reason: result.reason,
      message: result.message,
      ...(result.names === undefined ? {} : { names: result.names }),
    }
  const end = terminated(pod)
  const name = pod.metadata.name
  if (end === undefined || pod.status?.reason === 'Evicted')
    return {
      reason: 'NodeLost',
      message: `Pod ${name} was stopped${pod.status?.message === undefined ? '' : `: ${pod.status.message}`}. It runs again.`,
    }
  if (end.reason === 'OOMKilled')
    return {
      reason: 'MoverFailed',
      message: `Pod ${name} ran out of memory: give the mover a higher memory limit (spec.mover.resources).`,
    }
  if (end.exitCode === 0)
    return { reason: 'MoverFailed', message: `Pod ${name} ended without a readable result. It runs again.` }
  return {
    reason: byExitCode(end.exitCode) ?? 'MoverFailed',
    message: `Pod ${name} ended with exit code ${end.exitCode}${end.reason === undefined ? '' : ` (${end.reason})`}; its log says more.`,
  }
}
