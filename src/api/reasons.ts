import { placeReasons } from './reasons/places.ts'
import type { Reason } from './reasons/reason.ts'
import { versionReasons } from './reasons/versions.ts'
import { volumeReasons } from './reasons/volumes.ts'
import { workReasons } from './reasons/work.ts'

/** The one table of reasons. docs/reasons.md is made from it. */
export const reasons = { ...workReasons, ...placeReasons, ...volumeReasons, ...versionReasons } as const

export type ReasonName = keyof typeof reasons

/** Whether anything would change without a person: unknown reasons are retried. */
export const isTerminal = (reason: string): boolean =>
  (reasons as Record<string, Reason | undefined>)[reason]?.kind === 'terminal'
