import { createHash } from 'node:crypto'
import { setImmediate as tick } from 'node:timers/promises'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { cutsAfter, maxShardLines } from '../../src/manifest/cut.ts'
import { diff, sameContent } from '../../src/manifest/diff.ts'
import { contentLine } from '../../src/manifest/line.ts'
import { NestingGuard } from '../../src/manifest/paths.ts'
import { readManifest } from '../../src/manifest/read.ts'
import type { Entry } from '../../src/manifest/types.ts'
import { writeManifest } from '../../src/manifest/write.ts'
import { collect, memorySink } from '../helpers/memory-sink.ts'

/** Names behind which a shard ends: one in 16,384, so short lists need them sown in. */
const cutting = Array.from({ length: 120_000 }, (_, i) => `cut/${i}`).filter(cutsAfter)

const segment = fc
  .string({ unit: 'grapheme', minLength: 1, maxLength: 12 })
  .filter((s) => s.isWellFormed() && !/[/\p{Cc}]/u.test(s) && s !== '.' && s !== '..')
const path = fc.oneof(
  { weight: 3, arbitrary: fc.array(segment, { minLength: 1, maxLength: 4 }).map((parts) => parts.join('/')) },
  { weight: 1, arbitrary: fc.constantFrom(...cutting) },
)
const sha256 = fc.integer({ min: 0, max: 3 }).map((n) => createHash('sha256').update(String(n)).digest('hex'))
const place = fc.oneof(
  fc.constant({}),
  fc.record({ o: fc.integer({ min: 1, max: 9 }) }),
  fc.record({ u: fc.record({ b: fc.constant('b'), k: segment, v: segment }) }),
  fc.record({ u: fc.record({ b: fc.constant('b'), k: segment, e: segment }) }),
)
const executable = fc.constantFrom({}, { x: 1 as const })
const file = fc
  .tuple(fc.nat(5), sha256, executable, place)
  .map(([s, h, x, where]): Omit<Entry, 'p'> => ({ s, h, ...x, ...where }))
const body = fc.oneof({ weight: 5, arbitrary: file }, { weight: 1, arbitrary: segment.map((l) => ({ l })) })

/** What a real tree can hold, in order. */
const asTree = (pairs: [string, Omit<Entry, 'p'>][]): Entry[] => {
  const guard = new NestingGuard()
  return [...new Map(pairs)]
    .map(([p, rest]): Entry => ({ p, ...rest }))
    .sort((a, b) => compareUtf8(a.p, b.p))
    .filter((entry) => guard.add(entry.p) === undefined)
}
const tree = fc.array(fc.tuple(path, body), { maxLength: 40 }).map(asTree)

test('what was written is what is read', async () => {
  await fc.assert(
    fc.asyncProperty(tree, async (entries) => {
      const memory = memorySink()
      const { root } = await writeManifest(entries, memory.sink)
      expect(await collect(readManifest(root, memory.fetch))).toEqual(entries)
      expect(root.files).toBe(entries.length)
      expect(root.bytes).toBe(entries.reduce((sum, entry) => sum + (entry.s ?? 0), 0))
      const content = entries.map((entry) => `${contentLine(entry)}\n`).join('')
      expect(root.digest).toBe(createHash('sha256').update(content).digest('hex'))
    }),
  )
})

test('how entries arrive changes nothing; where bytes lie changes the root only', async () => {
  async function* slowly(entries: Entry[], pause: number) {
    for (const [index, entry] of entries.entries()) {
      if (index % pause === 0) await tick()
      yield entry
    }
  }
  await fc.assert(
    fc.asyncProperty(tree, fc.integer({ min: 1, max: 7 }), async (entries, pause) => {
      const once = await writeManifest(entries, memorySink().sink)
      expect(await writeManifest(slowly(entries, pause), memorySink().sink)).toEqual(once)
      const moved = entries.map((entry): Entry => {
        const { o: _o, u: _u, ...content } = entry
        return content
      })
      expect((await writeManifest(moved, memorySink().sink)).root.digest).toBe(once.root.digest)
    }),
  )
})

test('a shard ends behind a cutting path, and nowhere else', async () => {
  await fc.assert(
    fc.asyncProperty(tree, async (entries) => {
      const { root } = await writeManifest(entries, memorySink().sink)
      const ends = entries.filter(({ p }, index) => cutsAfter(p) || index === entries.length - 1).map(({ p }) => p)
      expect(root.shards.map((shard) => shard.last)).toEqual(ends)
    }),
  )
})

test('a difference is what a comparison of whole lists finds, and equal shards are not read', async () => {
  const pair = fc.tuple(tree, tree, fc.integer({ min: 0, max: 40 }))
  await fc.assert(
    fc.asyncProperty(pair, async ([one, other, keep]) => {
      const edited = asTree([...one, ...other.slice(0, keep)].map(({ p, ...rest }) => [p, rest]))
      const memory = memorySink()
      const before = (await writeManifest(one, memory.sink)).root
      const after = (await writeManifest(edited, memory.sink)).root
      const [left, right] = [new Map(one.map((e) => [e.p, e])), new Map(edited.map((e) => [e.p, e]))]
      const expected = [...new Set([...left.keys(), ...right.keys()])]
        .sort(compareUtf8)
        .map((p) => ({ before: left.get(p), after: right.get(p) }))
        .filter(({ before, after }) => !(before && after && sameContent(before, after)))
      expect(await collect(diff(before, after, memory.fetch))).toEqual(expected)
      const equal = before.shards.filter(({ sha256 }) => after.shards.some((shard) => shard.sha256 === sha256))
      for (const { sha256 } of equal) expect(memory.fetched).not.toContain(sha256)
    }),
  )
})

test('one changed file in a big manifest makes one new shard', async () => {
  const h = '0'.repeat(64)
  const entries = Array.from({ length: 90_000 }, (_, i): Entry => ({ p: `f/${String(i).padStart(7, '0')}`, s: 1, h }))
  const memory = memorySink()
  const before = (await writeManifest(entries, memory.sink)).root
  expect(before.shards.length).toBeGreaterThan(3)
  // Where a shard ended for its length alone, the next ones would move.
  const shard = before.shards.find(({ n }) => n > 100 && n < maxShardLines)!
  const index = entries.findIndex(({ p }) => p === shard.first) + 50
  const added: Entry = { p: `${entries[index]!.p}-new`, s: 2, h }
  const after = (await writeManifest(entries.toSpliced(index + 1, 0, added), memory.sink)).root
  const known = new Set(before.shards.map((shard) => shard.sha256))
  expect(after.shards.filter((shard) => !known.has(shard.sha256))).toHaveLength(1)
  expect(await collect(diff(before, after, memory.fetch))).toEqual([{ after: added }])
  expect(memory.fetched).toHaveLength(2)
})

test('a shard is cut at 65,536 lines where no path cuts', async () => {
  const h = '0'.repeat(64)
  const names = Array.from({ length: 70_000 }, (_, i) => `g/${String(i).padStart(7, '0')}`).filter((p) => !cutsAfter(p))
  const { root } = await writeManifest(
    names.map((p) => ({ p, s: 0, h })),
    memorySink().sink,
  )
  expect(root.shards.map((shard) => shard.n)).toEqual([maxShardLines, names.length - maxShardLines])
})
