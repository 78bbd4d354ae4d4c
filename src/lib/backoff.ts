export interface BackoffOptions {
  /** Milliseconds after the first failure. */
  base: number
  /** Milliseconds at most. */
  max: number
  /** Share of the delay that is random, 0 to 1: a delay lies between `(1 - jitter)` of the full one and all of it. */
  jitter?: number
}

/** Milliseconds to wait after the `failures`th failure in a row (from 1): doubling, capped. */
export const backoffMs = (
  failures: number,
  { base, max, jitter = 0 }: BackoffOptions,
  random = Math.random,
): number => {
  const full = Math.min(base * 2 ** Math.min(Math.max(failures - 1, 0), 52), max)
  return Math.round(full * (1 - jitter * random()))
}
