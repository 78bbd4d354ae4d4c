/** Time as an argument, so that tests own it. */
export interface Clock {
  /** Milliseconds since 1970: for what people read. */
  now(): number
  /** Milliseconds since some moment, never going back: for deadlines. */
  monotonic(): number
}

export const systemClock: Clock = { now: () => Date.now(), monotonic: () => performance.now() }

/** RFC 3339 with whole seconds, as Kubernetes writes metav1.Time. */
export const toTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`

/** RFC 3339 with six digits, as metav1.MicroTime wants it: with three it is refused. */
export const toMicroTime = (ms: number): string => `${new Date(ms).toISOString().slice(0, -1)}000Z`
