/** Waits, or returns early when `signal` aborts; never rejects. Callers look at the signal. */
export const sleep = (ms: number, signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) return resolve()
    const done = () => {
      clearTimeout(timer)
      signal.removeEventListener('abort', done)
      resolve()
    }
    const timer = setTimeout(done, Math.min(ms, maxTimeout))
    signal.addEventListener('abort', done)
  })

/** The longest delay of setTimeout; a longer one would fire at once. */
export const maxTimeout = 2 ** 31 - 1

/** Resolves when `signal` aborts. */
export const aborted = (signal: AbortSignal): Promise<void> =>
  new Promise((resolve) => {
    if (signal.aborted) resolve()
    else signal.addEventListener('abort', () => resolve(), { once: true })
  })
