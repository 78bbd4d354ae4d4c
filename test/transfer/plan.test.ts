import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { type Action, decide, type Identity, type Item, type Known, plan } from '../../src/transfer/plan.ts'

const item = (p: string, size = 1, id: Identity = ['a'], more: Partial<Item> = {}): Item => ({ p, size, id, ...more })
const known = (p: string, more: Partial<Known> = {}): Known => ({
  ...{ p, size: 1, h: 'h', x: false, source: ['a'], there: ['b'] },
  ...more,
})

async function* batches<T>(items: T[], length: number): AsyncGenerator<T[]> {
  for (let at = 0; at < items.length; at += length) yield items.slice(at, at + length)
}

const all = async (source: Item[], record: Known[], there: Item[], length = 3): Promise<Action[]> => {
  const actions: Action[] = []
  const planned = plan(batches(source, length), batches(record, length), batches(there, length))
  for await (const batch of planned) actions.push(...batch)
  return actions
}

describe('what is done about one path', () => {
  const rows: [string, Item | undefined, Known | undefined, Item | undefined, Action['do']][] = [
    ['it is new', item('p'), undefined, undefined, 'copy'],
    ['both are as written down', item('p'), known('p'), item('p', 1, ['b']), 'keep'],
    ['nothing is written down, same size', item('p'), undefined, item('p', 1, ['b']), 'compare'],
    ['nothing is written down, other size', item('p'), undefined, item('p', 2, ['b']), 'copy'],
    ['the source changed', item('p', 1, ['z']), known('p'), item('p', 1, ['b']), 'compare'],
    ['the destination changed', item('p'), known('p'), item('p', 1, ['z']), 'compare'],
    ['the destination is gone', item('p'), known('p'), undefined, 'copy'],
    ['the destination has another size', item('p'), known('p'), item('p', 9, ['b']), 'copy'],
    ['the size changed under the same identity', item('p', 2), known('p'), item('p', 2, ['b']), 'compare'],
    ['the source is gone', undefined, known('p'), item('p', 1, ['b']), 'remove'],
    ['only the record has it', undefined, known('p'), undefined, 'remove'],
    ['a file became a link', item('p', 0, ['a'], { l: 'q' }), known('p', { size: 0 }), item('p', 0, ['b']), 'copy'],
    ['it became executable', item('p', 1, ['a'], { x: true }), known('p'), item('p', 1, ['b']), 'compare'],
    ['no side says which state it is', item('p', 1, []), known('p', { source: [] }), item('p', 1, ['b']), 'compare'],
    [
      'a part of the identity differs',
      item('p', 1, [1, 2]),
      known('p', { source: [1, 3] }),
      item('p', 1, ['b']),
      'compare',
    ],
  ]
  test.each(rows)('%s', (_, source, record, there, expected) => {
    expect(decide('p', source, record, there).do).toBe(expected)
  })
})

const names = fc.uniqueArray(
  fc.string({ unit: fc.constantFrom('a', 'b', '-', '/', 'é', '\u{10000}', '\uffee'), minLength: 1, maxLength: 6 }),
  { maxLength: 30 },
)
const content = fc.record({ size: fc.nat(2), id: fc.constantFrom('1', '2', '3') })
const state = fc
  .tuple(names, fc.array(content, { minLength: 30, maxLength: 30 }))
  .map(([paths, contents]) => new Map(paths.map((p, i) => [p, contents[i]!])))

const sorted = <T extends { p: string }>(items: T[]) => items.sort((a, b) => compareUtf8(a.p, b.p))
const itemsOf = (side: Map<string, { size: number; id: string }>, name: string): Item[] =>
  sorted([...side].map(([p, { size, id }]) => item(p, size, [name, id])))

test('every path once, in order, and nothing is left to do after it was done', async () => {
  const property = fc.asyncProperty(state, state, fc.integer({ min: 1, max: 5 }), async (source, there, length) => {
    const [from, to] = [itemsOf(source, 'source'), itemsOf(there, 'there')]
    const first = await all(from, [], to, length)
    expect(first.map(({ p }) => p)).toEqual(
      sorted([...new Map([...from, ...to].map((each) => [each.p, each])).values()]).map(({ p }) => p),
    )
    const now = new Map(to.map((each) => [each.p, each]))
    const record: Known[] = []
    for (const action of first) {
      if (action.do === 'remove') now.delete(action.p)
      if (action.do !== 'copy' && action.do !== 'compare') continue
      const made = { ...action.source, id: ['made', action.p] }
      now.set(action.p, made)
      record.push(known(action.p, { size: made.size, source: action.source.id, there: made.id }))
    }
    const second = await all(from, record, sorted([...now.values()]), length)
    expect(second.filter((action) => action.do !== 'keep')).toEqual([])
    expect(second).toHaveLength(from.length)
  })
  await fc.assert(property, { numRuns: 300 })
})

test('a failing listing ends the plan, and the others are closed', async () => {
  let closed = 0
  const endless = async function* <T>(make: (i: number) => T): AsyncGenerator<T[]> {
    try {
      for (let i = 0; ; i++) yield [make(i)]
    } finally {
      closed++
    }
  }
  const name = (i: number) => String(i).padStart(9, '0')
  const failing = (async function* (): AsyncGenerator<Item[]> {
    yield [item(name(0))]
    throw new Error('the listing broke')
  })()
  const planned = plan(
    failing,
    endless((i) => known(name(i))),
    endless((i) => item(name(i))),
  )
  await expect(async () => {
    for await (const _ of planned);
  }).rejects.toThrow('the listing broke')
  expect(closed).toBe(2)
})
