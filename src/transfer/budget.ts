/** Bounds what runs at once by weight (bytes of memory, say): first come, first served. */
export interface Budget {
  /** Runs `work` as soon as `weight` of it is free; heavier work than the whole budget runs alone. */
  run<T>(weight: number, work: () => Promise<T>): Promise<T>
}

export const makeBudget = (capacity: number): Budget => {
  let free = capacity
  const waiting: { weight: number; start: () => void }[] = []
  const wake = () => {
    while (waiting[0] && waiting[0].weight <= free) {
      const next = waiting.shift()!
      free -= next.weight
      next.start()
    }
  }
  return {
    async run(asked, work) {
      const weight = Math.min(asked, capacity)
      await new Promise<void>((start) => {
        waiting.push({ weight, start })
        wake()
      })
      try {
        return await work()
      } finally {
        free += weight
        wake()
      }
    },
  }
}
