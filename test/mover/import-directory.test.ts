import { utimes, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import type { DoneOf, SpecOf } from '../../src/mover/deps.ts'
import { runImport } from '../../src/mover/import.ts'
import { openDirectoryStore } from '../../src/stores/directory/store.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { plant, temporaryDir } from '../helpers/tree.ts'

const prefix = 'granary/team/set/'

const scene = async () => {
  const dir = await temporaryDir()
  const store = memoryStore()
  const { deps, counted } = moveDeps({ store, source: openDirectoryStore(dir) }, '/nowhere')
  // Files that have just been written are not trusted by their times: here it is an hour later.
  deps.now = () => Date.now() + 3_600_000
  const importing = (sequence: number, parent?: DoneOf<'Import'>, live = false): Promise<DoneOf<'Import'>> => {
    const spec: SpecOf<'Import'> = {
      op: 'Import',
      dataset: { namespace: 'team', name: 'set', uid: 'uid-1' },
      store: at('store', prefix),
      source: {
        name: 'source',
        directory: { kind: 'claim', label: 'claim work', ...(live ? { live } : {}) },
        prefix: '',
        credentials: 'Anonymous',
      },
      mode: 'Auto',
      intent: { sequence, createdAt: `2026-01-0${sequence}T00:00:00Z` },
      ...(parent && { parent: { sequence: parent.sequence!, root: parent.root, digest: parent.digest } }),
    }
    return runImport(deps, spec)
  }
  const under = (path: string) =>
    [...store.objects.keys()]
      .filter((key) => key.startsWith(prefix + path))
      .map((key) => key.slice(prefix.length))
      .sort()
  return { dir, store, deps, counted, importing, under }
}

/** What the record says of a file, changed: so it shows whether the file was read. */
const forge = async (store: ReturnType<typeof memoryStore>, from: string, to: string) => {
  const { gunzipSync, gzipSync } = await import('node:zlib')
  const [key] = [...store.objects.keys()].filter((name) => name.startsWith(`${prefix}sources/`))
  const text = gunzipSync(store.objects.get(key!)!).toString()
  expect(text).toContain(from)
  store.objects.set(key!, gzipSync(text.replace(from, to)))
}

test('a file with the inode and times of the record is not read again; one that was touched is', async () => {
  const { dir, store, importing, under } = await scene()
  await plant(dir, { a: 'same', b: 'b' })
  const first = await importing(1)
  expect(first).toMatchObject({ outcome: 'Committed', files: 2 })
  const { sha256Hex } = await import('../../src/manifest/digest.ts')
  const [digest, other] = [sha256Hex(Buffer.from('same')), sha256Hex(Buffer.from('other'))]
  await forge(store, digest, other)
  // By the record it has another digest than the parent's file: so it is taken for new, without a look.
  await writeFile(join(dir, 'c'), 'c')
  const second = await importing(2, first)
  expect(second).toMatchObject({ outcome: 'Committed', files: 3 })
  expect(under('data/v2/')).toEqual(['data/v2/a', 'data/v2/c'])
  await forge(store, digest, other)
  await utimes(join(dir, 'a'), new Date(0), new Date(0))
  expect((await importing(3, second)).outcome).toBe('Unchanged')
  expect(under('data/v3/')).toEqual([])
})

test('what was written a moment ago is not known by its times', async () => {
  const { dir, deps, importing, under } = await scene()
  deps.now = () => Date.now()
  await plant(dir, { a: 'A' })
  await importing(1)
  expect(under('sources/')).toEqual([])
})

test('an attempt that was stopped is gone on from: what it stored is not stored again', async () => {
  const { dir, store, importing, under } = await scene()
  await plant(
    dir,
    Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f${String(i).padStart(3, '0')}`, `${i}`])),
  )
  let left = 250
  store.beforeWrite = (key) => {
    if (key.includes('/data/') && left-- === 0) throw new Error('stopped')
  }
  await expect(importing(1)).rejects.toThrow('stopped')
  store.beforeWrite = () => {}
  store.writes.length = 0
  expect(await importing(1)).toMatchObject({ outcome: 'Committed', files: 300 })
  expect(store.writes.filter((key) => key.includes('/data/')).length).toBeLessThan(200)
  expect(under('uploads/')).toEqual([])
})

test('live: read twice, and the names of files that changed', async () => {
  const { dir, store, importing } = await scene()
  await plant(dir, { a: 'A', b: 'B', c: 'C' })
  store.beforeWrite = async (key) => {
    if (key.endsWith('/data/v1/c')) for (const name of ['a', 'b']) await writeFile(join(dir, name), 'x')
  }
  const failure = await importing(1, undefined, true).catch((error) => error)
  expect(failure).toMatchObject({ reason: 'WritersActive', names: ['a', 'b'] })
  expect(failure.message).toContain('claim work')
  store.beforeWrite = () => {}
  expect(await importing(1, undefined, true)).toMatchObject({ outcome: 'Committed', files: 3 })
})

test('not live: a change while it is read ends the attempt by name', async () => {
  const { dir, store, importing } = await scene()
  await plant(dir, { a: 'A', b: 'B' })
  store.beforeWrite = async (key) => {
    if (key.endsWith('/data/v1/b')) await writeFile(join(dir, 'a'), 'changed')
  }
  await expect(importing(1)).rejects.toMatchObject({ reason: 'WritersActive', names: ['a'] })
})
