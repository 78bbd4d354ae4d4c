/** How many at a time: for good, or as a store finds it best now. */
export type Width = number | { readonly width: number }

/** As many as the widest of some stores is good for. */
export const widest = (...stores: { readonly width: number }[]): Width => ({
  get width() {
    return Math.max(...stores.map(({ width }) => width))
  },
})

const now = (width: Width): number => Math.max(1, typeof width === 'number' ? width : width.width)

/**
 * Runs `work` on items that come one by one, at most `width` at a time, and yields the results in the order of the items: at most `width` are under
 * way or wait to be taken. The first failure ends it, after everything under way has settled, so nothing goes on behind the caller's back;
 * `work` gets a signal that is aborted then.
 */
export async function* mapOrdered<T, R>(
  items: AsyncIterable<T>,
  width: Width,
  work: (item: T, signal: AbortSignal) => Promise<R>,
  signal: AbortSignal,
): AsyncGenerator<R> {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const running: Promise<R>[] = []
  try {
    for await (const item of items) {
      both.throwIfAborted()
      const result = work(item, both)
      result.catch((error) => stop.abort(error)) // a later item's failure must not wait for earlier ones
      running.push(result)
      while (running.length >= now(width)) yield await running.shift()!
    }
    while (running.length > 0) yield await running.shift()!
  } catch (error) {
    throw stop.signal.aborted ? stop.signal.reason : error
  } finally {
    stop.abort(new Error('the transfer has ended'))
    await Promise.allSettled(running)
  }
}

/** Runs `work` on items in any order, at most `width` at a time; a failure ends it as above. */
export const forEach = async <T>(
  items: AsyncIterable<T>,
  width: Width,
  work: (item: T, signal: AbortSignal) => Promise<unknown>,
  signal: AbortSignal,
): Promise<void> => {
  const stop = new AbortController()
  const both = AbortSignal.any([signal, stop.signal])
  const running = new Set<Promise<unknown>>()
  let settled = () => {}
  const start = (item: T) => {
    const one: Promise<unknown> = work(item, both)
      .catch((error) => stop.abort(error))
      .finally(() => {
        running.delete(one)
        settled()
      })
    running.add(one)
  }
  // Not Promise.race: every call would leave something behind on a promise that stays pending, and one big file may outlast a million small ones.
  const room = () =>
    new Promise<void>((resolve) => {
      settled = resolve
    })
  try {
    for await (const item of items) {
      both.throwIfAborted()
      start(item)
      while (running.size >= now(width)) await room()
    }
    both.throwIfAborted()
    await Promise.all(running)
    both.throwIfAborted()
  } finally {
    if (!stop.signal.aborted) stop.abort(new Error('the transfer has ended'))
    await Promise.allSettled(running)
  }
}
