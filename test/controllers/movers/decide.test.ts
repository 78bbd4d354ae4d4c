import fc from 'fast-check'
import { expect, test } from 'vitest'
import { turns } from '../../../src/controllers/movers/decide.ts'
import type { JobObject } from '../../../src/desired/objects.ts'

const start = Date.parse('2026-01-01T00:00:00Z')
let number = 0

const job = (
  op: string,
  namespace: string,
  more: { at?: number; state?: 'waits' | 'lives' | 'ended' | 'leaves' } = {},
): JobObject => {
  const { at = 0, state = 'waits' } = more
  return {
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: {
      name: `granary-${op}-${String(number++).padStart(4, '0')}-1`,
      namespace,
      creationTimestamp: new Date(start + at * 1000).toISOString(),
      ...(state === 'leaves' ? { deletionTimestamp: new Date(start).toISOString() } : {}),
    },
    spec: { suspend: state === 'waits' || state === 'leaves' },
    ...(state === 'ended' ? { status: { conditions: [{ type: 'Complete', status: 'True' }] } } : {}),
  }
}
const many = (count: number, ...args: Parameters<typeof job>) => Array.from({ length: count }, () => job(...args))
const next = (jobs: JobObject[], maxMovers: number, maxMoversPerNamespace = maxMovers) =>
  turns({ config: { maxMovers, maxMoversPerNamespace }, jobs }).map(
    ({ metadata }) => `${/^granary-([a-z]+)/.exec(metadata.name)?.[1]} ${metadata.namespace}`,
  )

test.each<[string, JobObject[], [number, number?], string[]]>([
  ['nobody waits', [job('scan', 'a', { state: 'lives' })], [1], []],
  ['there is room', [job('scan', 'a'), job('import', 'b')], [64, 16], ['import b', 'scan a']],
  ['the cluster is full', [...many(2, 'populate', 'a', { state: 'lives' }), job('scan', 'b')], [2], []],
  [
    'the namespace is full',
    [job('populate', 'a', { state: 'lives' }), job('scan', 'a'), job('scan', 'b')],
    [9, 1],
    ['scan b'],
  ],
  ['ended ones leave room', [...many(5, 'populate', 'a', { state: 'ended' }), job('scan', 'a')], [1], ['scan a']],
  ['one that is being deleted has no turn', [job('scan', 'a', { state: 'leaves' })], [1], []],
  ['finalizing comes first', [job('scan', 'a'), job('finalize', 'a', { at: 20 })], [1], ['finalize a']],
  ['who waits long comes before', [job('scan', 'a'), job('finalize', 'a', { at: 200 })], [1], ['scan a']],
  [
    'few come before many',
    [...many(3, 'import', 'a', { state: 'lives' }), job('import', 'a'), job('import', 'b', { at: 60 })],
    [5],
    ['import b'],
  ],
  [
    'others leave places for finalizing',
    [...many(6, 'populate', 'a', { state: 'lives' }), ...many(3, 'populate', 'b'), ...many(3, 'finalize', 'c')],
    [8],
    ['finalize c', 'finalize c'],
  ],
])('%s', (_, jobs, [all, each], expected) => {
  expect(next(jobs, all, each)).toEqual(expected)
})

test('however many wait, no cap is exceeded and nothing starves', () => {
  const ops = fc.constantFrom('scan', 'probe', 'finalize', 'populate', 'import', 'mirror')
  const arrivals = fc.array(fc.tuple(ops, fc.constantFrom('a', 'b', 'c'), fc.integer({ min: 0, max: 600 })), {
    maxLength: 40,
  })
  fc.assert(
    fc.property(
      arrivals,
      fc.integer({ min: 1, max: 6 }),
      fc.integer({ min: 1, max: 4 }),
      (list, maxMovers, perNamespace) => {
        const jobs = list.map(([op, namespace, at]) => job(op, namespace, { at }))
        for (let round = 0; round <= list.length; round++) {
          for (const one of turns({ config: { maxMovers, maxMoversPerNamespace: perNamespace }, jobs }))
            one.spec = { suspend: false }
          const alive = jobs.filter((one) => one.spec?.suspend === false && one.status === undefined)
          expect(alive.length).toBeLessThanOrEqual(maxMovers)
          for (const namespace of ['a', 'b', 'c'])
            expect(alive.filter((one) => one.metadata.namespace === namespace).length).toBeLessThanOrEqual(perNamespace)
          const [first] = alive
          if (first) first.status = { conditions: [{ type: 'Complete', status: 'True' }] }
        }
        expect(jobs.filter((one) => one.spec?.suspend)).toEqual([])
      },
    ),
  )
})
