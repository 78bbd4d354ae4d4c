/**
 * `terminal`: a person must change something, nothing is retried until then. `wait`: Granary looks again by itself, with
 * backoff. `info`: nothing is wrong.
 */
export interface Reason {
  kind: 'terminal' | 'wait' | 'info'
  /** The condition that carries it, or `Event` where it is said as an event or an annotation on somebody else's object. */
  condition: string
  meaning: string
  /** What a person does about it. */
  remedy: string
}

export const terminal = (condition: string, meaning: string, remedy: string): Reason => ({
  kind: 'terminal',
  condition,
  meaning,
  remedy,
})
export const wait = (condition: string, meaning: string, remedy: string): Reason => ({
  kind: 'wait',
  condition,
  meaning,
  remedy,
})
export const info = (condition: string, meaning: string, remedy = 'Nothing.'): Reason => ({
  kind: 'info',
  condition,
  meaning,
  remedy,
})
