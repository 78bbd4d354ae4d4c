/**
 * Items of batches, one by one, taken from their source ahead of whoever reads them: up to `limit` wait in memory. So that a listing is through, and the
 * totals are known, long before the files are.
 */
export async function* ahead<T>(batches: AsyncIterable<T[]>, limit: number): AsyncGenerator<T> {
  let waiting: T[] = []
  let over = false
  let failure: unknown
  let wake = () => {}
  const change = () =>
    new Promise<void>((resolve) => {
      wake = resolve
    })
  const source = batches[Symbol.asyncIterator]()
  const reader = (async () => {
    try {
      for (let next = await source.next(); !next.done && !over; next = await source.next()) {
        waiting.push(...next.value)
        wake()
        while (waiting.length >= limit && !over) await change()
      }
    } catch (error) {
      failure = error
    }
    over = true
    wake()
  })()
  try {
    for (;;) {
      const ready = waiting
      waiting = []
      wake()
      for (const item of ready) yield item
      if (waiting.length > 0) continue
      if (over) break
      await change()
    }
    if (failure !== undefined) throw failure
  } finally {
    over = true
    wake()
    await reader
    await source.return?.()
  }
}
