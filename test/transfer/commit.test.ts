import { describe, expect, test } from 'vitest'
import { versionKey } from '../../src/manifest/keys.ts'
import { parseCommit } from '../../src/manifest/records.ts'
import type { CommitRecord } from '../../src/manifest/types.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { claimDirectory, commit } from '../../src/transfer/commit.ts'
import { Fiber } from '../helpers/fiber.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'

const prefix = 'granary/vision/mnist/'
const dataset = { namespace: 'vision', name: 'mnist', uid: 'uid-1' }
const record = (more: Partial<CommitRecord> = {}): CommitRecord => ({
  layout: 1,
  dataset,
  sequence: 1,
  root: 'd'.repeat(64),
  digest: 'a'.repeat(64),
  files: 1,
  bytes: 1,
  createdAt: '2026-01-01T00:00:00Z',
  ...more,
})
const stored = (store: MemoryStore) => parseCommit(store.objects.get(versionKey(prefix, 1)) as Buffer, 'v1')

/** Every order in which two processes of so many calls can take turns: true is the first one's. */
function* orders(a: number, b: number): Generator<boolean[]> {
  if (a === 0 && b === 0) yield []
  if (a > 0) for (const rest of orders(a - 1, b)) yield [true, ...rest]
  if (b > 0) for (const rest of orders(a, b - 1)) yield [false, ...rest]
}

const race = async (
  order: boolean[],
  store: MemoryStore,
  one: (store: ObjectStore) => Promise<unknown>,
  other: (store: ObjectStore) => Promise<unknown>,
) => {
  const fibers = [new Fiber(store, one), new Fiber(store, other)] as const
  for (const first of order) await fibers[first ? 0 : 1].step()
  for (const fiber of fibers) await fiber.finish()
  return fibers
}

describe('two that commit at once, in every order', () => {
  test('the same intent: one record, which both take for theirs', async () => {
    for (const order of orders(4, 4)) {
      const store = memoryStore()
      // The manifest of one may name other places for the same bytes.
      const [a, b] = [record(), record({ root: 'e'.repeat(64) })]
      const fibers = await race(
        order,
        store,
        (own) => commit(own, prefix, a),
        (own) => commit(own, prefix, b),
      )
      for (const fiber of fibers) expect(fiber.result).toEqual(stored(store))
      expect(store.writes).toEqual([versionKey(prefix, 1)])
    }
  })

  test('two clusters: one record, and the other is told', async () => {
    for (const order of orders(4, 4)) {
      const store = memoryStore()
      const mine = record()
      const theirs = record({ createdAt: '2026-01-01T00:00:01Z' })
      const fibers = await race(
        order,
        store,
        (own) => commit(own, prefix, mine),
        (own) => commit(own, prefix, theirs),
      )
      expect(fibers.map(({ ended }) => ended).sort()).toEqual(['done', 'failed'])
      const [won] = fibers.filter(({ ended }) => ended === 'done')
      const [lost] = fibers.filter(({ ended }) => ended === 'failed')
      expect(won?.result).toEqual(stored(store))
      expect(lost?.error).toMatchObject({ reason: 'CommitConflict' })
      expect(store.writes).toHaveLength(1)
    }
  })

  test('a directory that nobody has yet belongs to one of two Datasets, and the other is told', async () => {
    for (const order of orders(3, 3)) {
      const store = memoryStore()
      const claim = (uid: string) => (own: ObjectStore) =>
        claimDirectory(own, prefix, { ...dataset, uid }, () => new Date(0))
      const fibers = await race(order, store, claim('one'), claim('other'))
      expect(fibers.map(({ ended }) => ended).sort()).toEqual(['done', 'failed'])
      expect(fibers.find(({ ended }) => ended === 'failed')?.error).toMatchObject({ reason: 'AdoptionRequired' })
    }
  })
})

describe('a store that ignores conditions', () => {
  const weakStore = (): MemoryStore => {
    const store = memoryStore()
    return Object.assign(store, { put: weakly(store.put) })
  }
  const weakly =
    (put: ObjectStore['put']): ObjectStore['put'] =>
    (key, bytes, { ifAbsent: _1, ifMatch: _2, ...options } = {}) =>
      put(key, bytes, options)

  test('keeps what is committed: a later one finds it, whoever it is', async () => {
    const store = weakStore()
    await commit(store, prefix, record())
    expect(await commit(store, prefix, record({ root: 'e'.repeat(64) }))).toEqual(record())
    await expect(commit(store, prefix, record({ createdAt: '2026-02-01T00:00:00Z' }))).rejects.toMatchObject({
      reason: 'CommitConflict',
    })
    expect(stored(store)).toEqual(record())
    expect(store.writes).toHaveLength(1)
  })

  test('attempts of one cluster, which come one after the other, end in one record wherever each dies', async () => {
    for (let calls = 0; calls <= 4; calls++) {
      for (const after of [true, false]) {
        const store = weakStore()
        const first = new Fiber(store, (own) => commit(own, prefix, record()))
        for (let i = 0; i < calls; i++) await first.step()
        await first.kill(after)
        const before = store.objects.get(versionKey(prefix, 1))
        const found = await commit(store, prefix, record({ root: 'e'.repeat(64) }))
        expect(found).toEqual(stored(store))
        if (before !== undefined) expect(store.objects.get(versionKey(prefix, 1))).toEqual(before)
      }
    }
  })
})
