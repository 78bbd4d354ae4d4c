import { chmodSync, symlinkSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { LocalTarget } from '../../../src/transfer/sync/local-target.ts'
import { treeName } from '../../../src/transfer/sync/tree-file.ts'
import { anyTree, copyTree, type Leaf, plantTree, seenTree } from '../../helpers/any-tree.ts'
import { memoryStore } from '../../helpers/memory-store.ts'
import { temporaryDir } from '../../helpers/tree.ts'

test('any tree goes up and comes down as it was, then nothing moves; and any other takes its place', async () => {
  const property = fc.asyncProperty(anyTree, anyTree, async (first, second) => {
    const dir = await mkdtemp(join(tmpdir(), 'granary-round-'))
    try {
      const at = (name: string) => join(dir, name)
      const store = { store: memoryStore(), prefix: 'p/' }
      const other = { store: memoryStore(), prefix: '' }
      const down = { target: new LocalTarget(at('down')) }
      const again = { target: new LocalTarget(at('again')) }
      const all = async (root: string) => {
        const up = await copyTree(at('s1'), { root }, store, { prune: true })
        const rest = [
          await copyTree(at('s2'), store, other, { prune: true }),
          await copyTree(at('s3'), other, down, { prune: true }),
          await copyTree(at('s4'), { root: at('down') }, again, { prune: true }),
        ]
        for (const each of rest) expect(each.digest).toBe(up.digest)
        expect(seenTree(at('down'))).toEqual(seenTree(root))
        expect(seenTree(at('again'))).toEqual(seenTree(root))
        return [up, ...rest]
      }
      for (const [name, leaves] of [
        ['first', first],
        ['second', second],
      ] as const) {
        plantTree(at(name), leaves)
        await all(at(name))
        for (const each of await all(at(name)))
          expect(each).toMatchObject({ moved: 0, removed: 0, extra: 0, unchanged: leaves.size })
      }
    } finally {
      await rm(dir, { recursive: true, force: true })
    }
  })
  // A link that leads to itself where a file is to be.
  const loop = new Map<string, Leaf>([['a/a', { target: 'a' }]])
  const file = new Map<string, Leaf>([['a', { bytes: '', executable: false }]])
  await fc.assert(property, { numRuns: 25, examples: [[loop, file]] })
})

test('links that lead out are refused by name, and all else is copied', async () => {
  const dir = await temporaryDir()
  plantTree(join(dir, 'source'), new Map<string, Leaf>([['a', { bytes: 'a', executable: false }]]))
  symlinkSync('../../etc/passwd', join(dir, 'source', 'out'))
  const store = memoryStore()
  const going = copyTree(join(dir, 'state'), { root: join(dir, 'source') }, { store, prefix: '' }, { prune: true })
  await expect(going).rejects.toMatchObject({ reason: 'InvalidKeys', names: ['out'] })
  expect([...store.objects.keys()]).toEqual(['a'])
})

test('a choice of files leaves what was said of the others', async () => {
  const dir = await temporaryDir()
  const root = join(dir, 'source')
  const run = (name: string): [string, Leaf] => [name, { bytes: name, executable: true }]
  plantTree(root, new Map([run('a.sh'), run('b.sh'), run('c.py')]))
  const to = { store: memoryStore(), prefix: '' }
  const lines = () => to.store.objects.get(treeName)?.toString()
  await copyTree(join(dir, 's1'), { root }, to)
  expect(lines()).toBe('["a.sh"]\n["b.sh"]\n["c.py"]\n')
  chmodSync(join(root, 'b.sh'), 0o644)
  chmodSync(join(root, 'c.py'), 0o644)
  await copyTree(join(dir, 's2'), { root }, to, { include: ['*.sh'] })
  expect(lines()).toBe('["a.sh"]\n["c.py"]\n')
  await rm(join(root, 'a.sh'))
  await copyTree(join(dir, 's1'), { root }, to)
  expect(lines()).toBe('["a.sh"]\n')
  await copyTree(join(dir, 's1'), { root }, to, { prune: true })
  expect([...to.store.objects.keys()].sort()).toEqual(['b.sh', 'c.py'])
})

test.each([
  ['no JSON', 'a b'],
  ['a path that leads out', '["../a","b"]'],
  ['a link that leads out', '["a","../b"]'],
  ['more than it should have', '["a","b","c"]'],
])('a damaged tree object is refused: %s', async (_, text) => {
  const dir = await temporaryDir()
  const store = memoryStore()
  await store.put('a-file', Buffer.from('a'))
  await store.put(treeName, Buffer.from(`${text}\n`))
  const going = copyTree(join(dir, 'state'), { store, prefix: '' }, { target: new LocalTarget(join(dir, 'down')) })
  await expect(going).rejects.toMatchObject({ reason: 'Corrupt' })
})
