import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { linkProblem } from '../../../src/manifest/paths.ts'
import { BigUploads } from '../../../src/transfer/sync/big-uploads.ts'
import { type Destination, isStore, type Source } from '../../../src/transfer/sync/ends.ts'
import { LocalTarget } from '../../../src/transfer/sync/local-target.ts'
import { SyncRecord } from '../../../src/transfer/sync/record.ts'
import { type Synced, sync } from '../../../src/transfer/sync/run.ts'
import { TreeWriter, treeName } from '../../../src/transfer/sync/tree-file.ts'
import { memoryStore } from '../../helpers/memory-store.ts'
import { temporaryDir } from '../../helpers/tree.ts'

type Leaf = { bytes: string; executable: boolean } | { target: string }

/** A tree by path: a name is a file, a link or a directory, never two of them. */
const segment = fc.string({
  unit: fc.constantFrom('a', 'b', '-', '.', ' ', 'é', '\u{10000}', '%', '&'),
  minLength: 1,
  maxLength: 3,
})
const path = fc
  .array(segment, { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join('/'))
  .filter((text) => text.split('/').every((name) => name !== '.' && name !== '..'))
const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.record({ bytes: fc.string({ maxLength: 20 }), executable: fc.boolean() }),
  fc.record({ target: fc.constantFrom('a', 'b/é', './a', 'a b') }),
)
const tree = fc.array(fc.tuple(path, leaf), { minLength: 1, maxLength: 12 }).map((entries) => {
  const found = new Map<string, Leaf>()
  for (const [at, what] of entries) {
    const crossing = [...found.keys()].some(
      (other) => `${other}/`.startsWith(`${at}/`) || `${at}/`.startsWith(`${other}/`),
    )
    if (!crossing && ('bytes' in what || linkProblem(at, what.target) === undefined)) found.set(at, what)
  }
  return found
})

const plantTree = (root: string, leaves: Map<string, Leaf>) => {
  mkdirSync(root, { recursive: true })
  for (const [at, what] of leaves) {
    mkdirSync(dirname(join(root, at)), { recursive: true })
    if ('target' in what) symlinkSync(what.target, join(root, at))
    else writeFileSync(join(root, at), what.bytes)
    if ('bytes' in what) chmodSync(join(root, at), what.executable ? 0o755 : 0o644)
  }
}

const seen = (root: string, prefix = ''): Record<string, string> => {
  const all: Record<string, string> = {}
  for (const name of readdirSync(join(root, prefix))) {
    const at = join(prefix, name)
    const stats = lstatSync(join(root, at))
    if (stats.isDirectory()) Object.assign(all, seen(root, at))
    else if (stats.isSymbolicLink()) all[at] = `-> ${readlinkSync(join(root, at))}`
    else all[at] = `${(stats.mode & 0o111) !== 0 ? 'x' : '-'} ${readFileSync(join(root, at), 'utf8')}`
  }
  return all
}

const silent = { expect: () => {}, kept: () => {}, bytes: () => {}, files: () => {} }

/** Copies as a process would: with a record of its own, opened and closed. */
const copy = async (
  state: string,
  from: Source,
  to: Destination,
  options: { prune?: boolean; include?: string[] } = {},
): Promise<Synced> => {
  SyncRecord.makeDirectory(state)
  const record = new SyncRecord(state, 'boot', async () => {})
  await record.open()
  if (!isStore(to)) await to.target.open()
  const uploads = new BigUploads(join(state, 'uploads'))
  const writer = new TreeWriter(join(state, 'tree'))
  try {
    const how = { from, to, record, uploads, tree: writer, prune: false, ...options }
    return await sync(how, silent, new AbortController().signal)
  } finally {
    if (!isStore(to)) await to.target.close()
  }
}

test('any tree goes up and comes down as it was, then nothing moves; and any other takes its place', async () => {
  const property = fc.asyncProperty(tree, tree, async (first, second) => {
    const dir = await mkdtemp(join(tmpdir(), 'granary-round-'))
    try {
      const at = (name: string) => join(dir, name)
      const store = { store: memoryStore(), prefix: 'p/' }
      const other = { store: memoryStore(), prefix: '' }
      const down = { target: new LocalTarget(at('down')) }
      const again = { target: new LocalTarget(at('again')) }
      const all = async (root: string) => {
        const up = await copy(at('s1'), { root }, store, { prune: true })
        const rest = [
          await copy(at('s2'), store, other, { prune: true }),
          await copy(at('s3'), other, down, { prune: true }),
          await copy(at('s4'), { root: at('down') }, again, { prune: true }),
        ]
        for (const each of rest) expect(each.digest).toBe(up.digest)
        expect(seen(at('down'))).toEqual(seen(root))
        expect(seen(at('again'))).toEqual(seen(root))
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
  const going = copy(join(dir, 'state'), { root: join(dir, 'source') }, { store, prefix: '' }, { prune: true })
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
  await copy(join(dir, 's1'), { root }, to)
  expect(lines()).toBe('["a.sh"]\n["b.sh"]\n["c.py"]\n')
  chmodSync(join(root, 'b.sh'), 0o644)
  chmodSync(join(root, 'c.py'), 0o644)
  await copy(join(dir, 's2'), { root }, to, { include: ['*.sh'] })
  expect(lines()).toBe('["a.sh"]\n["c.py"]\n')
  await rm(join(root, 'a.sh'))
  await copy(join(dir, 's1'), { root }, to)
  expect(lines()).toBe('["a.sh"]\n')
  await copy(join(dir, 's1'), { root }, to, { prune: true })
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
  const going = copy(join(dir, 'state'), { store, prefix: '' }, { target: new LocalTarget(join(dir, 'down')) })
  await expect(going).rejects.toMatchObject({ reason: 'Corrupt' })
})
