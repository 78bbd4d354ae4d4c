import fc from 'fast-check'
import { expect, test } from 'vitest'
import { makeBudget } from '../../src/transfer/budget.ts'

test('never more at once than there is, in the order of asking, and all of it in the end', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ weight: fc.nat(15), ticks: fc.nat(4), fails: fc.boolean() })),
      async (jobs) => {
        const budget = makeBudget(10)
        const started: number[] = []
        let taken = 0
        const run = ({ weight, ticks, fails }: (typeof jobs)[number], index: number) =>
          budget.run(weight, async () => {
            started.push(index)
            taken += Math.min(weight, 10)
            expect(taken).toBeLessThanOrEqual(10)
            for (let i = 0; i < ticks; i++) await Promise.resolve()
            taken -= Math.min(weight, 10)
            if (fails) throw new Error('failed')
          })
        await Promise.allSettled(jobs.map(run))
        expect(started).toEqual(jobs.map((_, index) => index))
        expect(taken).toBe(0)
      },
    ),
  )
})
