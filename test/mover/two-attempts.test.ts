import { describe, expect, test, vi } from 'vitest'
import { versionKey } from '../../src/manifest/keys.ts'
import { parseCommit } from '../../src/manifest/records.ts'
import { finalize } from '../../src/mover/finalize.ts'
import { runImport } from '../../src/mover/import.ts'
import { verify } from '../../src/mover/verify.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { Fiber } from '../helpers/fiber.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { plant, temporaryDir } from '../helpers/tree.ts'

// Every pair of places in two runs: a busy machine needs its time.
vi.setConfig({ testTimeout: 120_000 })

const prefix = 'team/model/'
const dataset = { namespace: 'team', name: 'model', uid: 'uid-1' }
const intent = { sequence: 3, createdAt: '2026-11-21T12:00:00Z' }
const start = Date.parse('2026-11-21T12:00:00Z')

/** An attempt: what it reads from differs, because the writer came back, or because the one that should be dead reads later. */
type Attempt = (store: ObjectStore, now: () => number) => Promise<unknown>

const finalizing =
  (data: string): Attempt =>
  (store, now) =>
    finalize(
      { ...moveDeps({ store }, data).deps, now },
      { op: 'Finalize', dataset, store: at('store', prefix), intent },
    )

const importing =
  (source: ObjectStore): Attempt =>
  (store, now) =>
    runImport(
      { ...moveDeps({ store, source }, '/nowhere').deps, now },
      { op: 'Import', dataset, store: at('store', prefix), source: at('source', ''), mode: 'Copy', intent },
    )

/** The version reads back as one of the attempts saw its files, if there is one. */
const expectSound = async (store: MemoryStore): Promise<boolean> => {
  const record = store.objects.get(versionKey(prefix, 3))
  if (record === undefined) return false
  const { root, digest } = parseCommit(record, 'v3')
  const spec = { op: 'Verify', store: at('store', prefix), version: { sequence: 3, root, digest } } as const
  const found = await verify(moveDeps({ store }, '/nowhere').deps, { ...spec, what: 'Store', depth: 'Full' })
  expect(found).toMatchObject({ outcome: 'Sound' })
  return true
}

/** Lets `fiber` make so many calls; false: it has ended before. */
const advance = async (fiber: Fiber, calls: number): Promise<boolean> => {
  for (let i = 0; i < calls && fiber.ended === undefined; i++) await fiber.step()
  return fiber.ended === undefined
}

/**
 * The first stops at its call i, which is on its way; the second begins and stops at its call j; the first goes on to its end, and then the second. A third one comes
 * after them all. Whatever has a record at any moment, or gets one, stays sound.
 */
const everyPair = async (first: Attempt, second: Attempt, third: Attempt) => {
  let pairs = 0
  for (let i = 1; ; i++) {
    let more = false
    // Every third place, and other ones each time: two movers have many.
    for (let j = 1 + (i % 3); ; j += 3) {
      const world = { now: start }
      const store = memoryStore()
      const one = new Fiber(store, (own) => first(own, () => world.now))
      more = await advance(one, i)
      const two = new Fiber(store, (own) => second(own, () => world.now))
      const again = await advance(two, j)
      await expectSound(store)
      await one.finish()
      await expectSound(store)
      await two.finish()
      const done = await expectSound(store)
      for (const { ended, error } of [one, two])
        if (ended === 'failed') expect(error).toMatchObject({ reason: 'Unreachable' })
      // Both may have stopped for the other: whoever comes next ends it, at the latest when no commit can be on its way any more.
      if (!done) {
        world.now += 3_600_000
        await third(store, () => world.now)
        expect(await expectSound(store)).toBe(true)
      }
      pairs++
      if (!again) break
    }
    if (!more) return pairs
  }
}

describe('two movers alive for one number, stopped at every call of each', () => {
  test('outputs that differ: one record, whose bytes nobody overwrites or removes', async () => {
    const [a, b] = [await temporaryDir(), await temporaryDir()]
    await plant(a, { same: 'same', other: 'as the first sees it', 'only/first': '1' })
    await plant(b, { same: 'same', other: 'as the second one sees it', 'only/second': '2' })
    expect(await everyPair(finalizing(a), finalizing(b), finalizing(b))).toBeGreaterThan(100)
  })

  test('sources that changed between two imports', async () => {
    const [a, b] = [memoryStore(), memoryStore()]
    for (const [source, text] of [
      [a, 'before'],
      [b, 'afterwards'],
    ] as const) {
      await source.put('same', Buffer.from('same'))
      await source.put('other', Buffer.from(text))
      await source.put(`only/${text}`, Buffer.from('1'))
    }
    expect(await everyPair(importing(a), importing(b), importing(b))).toBeGreaterThan(100)
  })
})

describe('an attempt that was lost with one call on its way', () => {
  /** Attempts one after the other until one gets there: right behind an announced commit nothing is replaced, later it can't be on its way any more. */
  const untilDone = async (store: MemoryStore, attempt: Attempt, world: { now: number }) => {
    for (let tries = 1; ; tries++) {
      const fiber = new Fiber(store, (own) => attempt(own, () => world.now))
      await fiber.finish()
      if (fiber.ended === 'done') return
      expect(tries, String(fiber.error)).toBe(1)
      expect(fiber.error).toMatchObject({ reason: 'Unreachable' })
      world.now += 3_600_000
    }
  }

  /** Its last request arrives only after the next attempt has ended, whatever it was. */
  const lastRequestLate = async (first: Attempt, second: Attempt, change: (store: MemoryStore) => MemoryStore) => {
    for (let i = 0, more = true; more; i++) {
      const world = { now: start }
      const store = change(memoryStore())
      const one = new Fiber(store, (own) => first(own, () => world.now))
      more = await advance(one, i)
      await untilDone(store, second, world)
      const record = store.objects.get(versionKey(prefix, 3))
      if (world.now === start) await one.kill(true)
      expect(await expectSound(store)).toBe(true)
      expect(store.objects.get(versionKey(prefix, 3))).toEqual(record)
    }
  }

  test('overwrites and removes nothing of the version', async () => {
    const [a, b] = [await temporaryDir(), await temporaryDir()]
    await plant(a, { same: 'same', other: 'as the first sees it', 'only/first': '1' })
    await plant(b, { same: 'same', other: 'as the second one sees it', 'only/second': '2' })
    await lastRequestLate(finalizing(a), finalizing(b), (store) => store)
  })

  test('also where the store knows no conditions, if the files are the same', async () => {
    const a = await temporaryDir()
    await plant(a, { same: 'same', 'd/e': 'deep' })
    const ignoring = (store: MemoryStore): MemoryStore => {
      const { put, upload } = store
      return Object.assign(store, {
        put: ((key, bytes, { ifAbsent: _1, ifMatch: _2, ...rest } = {}) => put(key, bytes, rest)) as ObjectStore['put'],
        upload: ((key, size, open, { ifAbsent: _1, ifMatch: _2, ...rest } = {}) =>
          upload(key, size, open, rest)) as ObjectStore['upload'],
      })
    }
    await lastRequestLate(finalizing(a), finalizing(a), ignoring)
  })
})
