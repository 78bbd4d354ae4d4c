/**
 * What an error means for whoever tries again. A plain Error: once more, with backoff. These two say otherwise.
 */

/** The user must act; trying again changes nothing. `reason` is a CamelCase reason of a condition or an event. */
export class TerminalError extends Error {
  override readonly name = 'TerminalError'
  readonly reason: string

  constructor(reason: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.reason = reason
  }
}

/** Something else must happen first; look again in `afterMs` milliseconds at the latest. */
export class WaitError extends Error {
  override readonly name = 'WaitError'
  readonly reason: string
  readonly afterMs: number

  constructor(reason: string, message: string, afterMs: number) {
    super(message)
    this.reason = reason
    this.afterMs = afterMs
  }
}

/** The sentence of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
