import { chmod, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { beforeEach, describe, expect, test } from 'vitest'
import { dataKey, rootKey, shardKey } from '../../src/manifest/keys.ts'
import type { Entry } from '../../src/manifest/types.ts'
import type { MoveDeps, SpecOf } from '../../src/mover/deps.ts'
import { populate } from '../../src/mover/populate.ts'
import { verify } from '../../src/mover/verify.ts'
import { StoreError } from '../../src/stores/object-store.ts'
import { inPart } from '../../src/transfer/findings.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { type Content, storeVersion } from '../helpers/stored-version.ts'
import { temporaryDir } from '../helpers/tree.ts'

const prefix = 'team/digits/'
const files: Record<string, Content> = {
  'a.txt': 'one',
  'd/e/f': 'deep',
  'd/empty': '',
  'd/link': { link: '../a.txt' },
  run: { executable: '#!/bin/sh' },
}
type Version = SpecOf<'Verify'>['version']

describe('verify', () => {
  let store: MemoryStore
  let source: MemoryStore
  let data: string
  let deps: MoveDeps

  beforeEach(async () => {
    store = memoryStore()
    source = memoryStore('memory://source')
    data = await temporaryDir()
    ;({ deps } = moveDeps({ store, source }, data))
  })

  const ask = (version: Version, more: Partial<SpecOf<'Verify'>> = {}) =>
    verify(deps, { op: 'Verify', store: at('store', prefix), version, what: 'Store', depth: 'Full', ...more })
  const store1 = () => storeVersion(store, prefix, 1, files)
  const key = (path: string, n = 1) => dataKey(prefix, n, path)

  test.each(['Fast', 'Full'] as const)('a version as it was committed is sound: %s', async (depth) => {
    expect(await ask(await store1(), { depth })).toEqual({
      op: 'Verify',
      outcome: 'Sound',
      files: 4,
      bytes: 16,
      bad: 0,
    })
  })

  test('a flipped bit: the listing does not show it, the bytes do, by name', async () => {
    const version = await store1()
    store.objects.set(key('d/e/f'), Buffer.from('beep'))
    expect(await ask(version, { depth: 'Fast' })).toMatchObject({ outcome: 'Sound' })
    const found = await ask(version)
    expect(found).toMatchObject({ outcome: 'Bad', bad: 1, files: 4, names: [{ path: 'd/e/f' }] })
    expect(found.names?.[0]?.problem).toContain('another sha256')
  })

  test.each(['Fast', 'Full'] as const)('objects that are gone or have another size: %s', async (depth) => {
    const version = await store1()
    store.objects.delete(key('a.txt'))
    store.objects.set(key('run'), Buffer.from('#!'))
    const found = await ask(version, { depth })
    expect(found).toMatchObject({ outcome: 'Bad', bad: 2 })
    expect(found.names?.map(({ path }) => path)).toEqual(['a.txt', 'run'])
  })

  test('bytes of an earlier version are looked up where they lie', async () => {
    await store1()
    const place = (entry: Entry): Entry => (entry.p === 'new' || entry.l !== undefined ? entry : { ...entry, o: 1 })
    const second = await storeVersion(store, prefix, 2, { ...files, new: 'new' }, place)
    expect(await ask(second, { depth: 'Fast' })).toMatchObject({ outcome: 'Sound', files: 5 })
    store.objects.delete(key('d/e/f'))
    expect(await ask(second, { depth: 'Fast' })).toMatchObject({ bad: 1, names: [{ path: 'd/e/f' }] })
    expect(await ask(second)).toMatchObject({ bad: 1, names: [{ path: 'd/e/f' }] })
  })

  test('more prefixes than listings are kept open', async () => {
    const many = Object.fromEntries(Array.from({ length: 80 }, (_, i) => [`f${i}`, `${i}`]))
    const place = (entry: Entry): Entry => ({ ...entry, o: Number(entry.s) === 0 ? 1 : 1 + Number(entry.p.slice(1)) })
    const version = await storeVersion(store, prefix, 99, many, place)
    store.objects.delete(key('f70', 71))
    expect(await ask(version, { depth: 'Fast' })).toMatchObject({ files: 80, bad: 1, names: [{ path: 'f70' }] })
  })

  test('parts of a version are disjoint and together all of it', async () => {
    const many = Object.fromEntries(Array.from({ length: 60 }, (_, i) => [`f${i}`, `${i}`]))
    const version = await storeVersion(store, prefix, 1, many)
    const parts = await Promise.all([1, 2, 3].map((n) => ask(version, { part: { n, of: 3 } })))
    expect(parts.reduce((sum, part) => sum + part.files, 0)).toBe(60)
    for (const part of parts) expect(part.files).toBeGreaterThan(5)
    const [bad = ''] = Object.keys(many).filter((path) => inPart(path, { n: 2, of: 3 }))
    store.objects.set(key(bad), Buffer.from('??').subarray(0, String(many[bad]).length))
    const again = await Promise.all([1, 2, 3].map((n) => ask(version, { part: { n, of: 3 } })))
    expect(again.map((part) => part.bad)).toEqual([0, 1, 0])
  })

  test('external objects: the state that was imported, or a sentence about the source', async () => {
    await source.put('raw/a.txt', Buffer.from('one'))
    await source.put('raw/run', Buffer.from('#!/bin/sh'))
    const etag = async (p: string) => (await source.head(`raw/${p}`))?.etag ?? ''
    const etags = { 'a.txt': await etag('a.txt'), run: await etag('run') }
    const place = (entry: Entry): Entry => ({
      ...entry,
      u: { b: 'source', k: `raw/${entry.p}`, e: etags[entry.p as keyof typeof etags] },
    })
    const version = await storeVersion(store, prefix, 1, { 'a.txt': 'one', run: '#!/bin/sh' }, place)
    const where = { source: at('source', 'raw/') }
    for (const depth of ['Fast', 'Full'] as const) expect((await ask(version, { ...where, depth })).bad).toBe(0)
    await source.put('raw/a.txt', Buffer.from('two'))
    source.objects.delete('raw/run')
    for (const depth of ['Fast', 'Full'] as const) {
      const found = await ask(version, { ...where, depth })
      expect(found.names?.map(({ path }) => path)).toEqual(['a.txt', 'run'])
    }
    await expect(ask(version, { source: { ...at('source', ''), s3: { bucket: 'other' } } })).rejects.toMatchObject({
      reason: 'InvalidSpec',
    })
  })

  test('a manifest that is damaged or gone is what is bad', async () => {
    const version = await store1()
    const root = JSON.parse(String(store.objects.get(rootKey(prefix, version.root))))
    const shard = shardKey(prefix, root.shards[0].sha256)
    const gz = store.objects.get(shard) as Buffer
    store.objects.set(shard, gz.subarray(0, gz.length - 9))
    expect(await ask(version)).toMatchObject({ outcome: 'Bad', names: [{ path: 'the manifest' }] })
    store.objects.delete(shard)
    expect(await ask(version, { depth: 'Fast' })).toMatchObject({ outcome: 'Bad', names: [{ path: shard }] })
  })

  test('a store that does not answer is a failure, and nothing is called bad', async () => {
    const version = await store1()
    const get = store.get
    store.get = (where, options) =>
      where === key('run') ? Promise.reject(new StoreError('unreachable', 'no answer', where)) : get(where, options)
    await expect(ask(version)).rejects.toMatchObject({ failure: 'unreachable' })
  })

  test('a volume: what is on it, bit by bit', async () => {
    const version = await store1()
    const spec = { op: 'Populate', store: at('store', prefix), version, modes: 'Working' } as const
    await populate(deps, spec)
    const volume = (more: Partial<SpecOf<'Verify'>> = {}) => ask(version, { what: 'Volume', ...more })
    expect(await volume()).toMatchObject({ outcome: 'Sound', files: 5, bytes: 16 })
    await writeFile(join(data, 'd/e/f'), 'beep')
    expect(await volume({ depth: 'Fast' })).toMatchObject({ outcome: 'Sound' })
    expect(await volume()).toMatchObject({ bad: 1, names: [{ path: 'd/e/f' }] })
    await rm(join(data, 'a.txt'))
    await writeFile(join(data, 'b.txt'), 'one')
    await rm(join(data, 'd/link'))
    await writeFile(join(data, 'd/link'), 'x')
    await chmod(join(data, 'run'), 0o444)
    const found = await volume({ depth: 'Fast' })
    expect(found.bad).toBe(4)
    expect(found.names?.map(({ path }) => path).sort()).toEqual(['a.txt', 'b.txt', 'd/link', 'run'])
  })
})
