import { createHash } from 'node:crypto'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/manifest/types.ts'
import type { SpecOf } from '../../src/mover/deps.ts'
import { mirror } from '../../src/mover/mirror.ts'
import { StoreError } from '../../src/stores/object-store.ts'
import { summarize } from '../../src/transfer/source.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { storeVersion } from '../helpers/stored-version.ts'

const prefix = 'team/model/'

describe('mirror', () => {
  let store: MemoryStore
  let there: MemoryStore

  beforeEach(() => {
    store = memoryStore()
    there = memoryStore('memory://there')
  })

  type Spec = SpecOf<'Mirror'>
  const run = (version: Spec['version'], more: Partial<Spec> = {}) =>
    mirror(moveDeps({ store, there, source: there }, '').deps, {
      op: 'Mirror',
      store: at('store', prefix),
      version,
      destination: at('there', 'out/'),
      prune: false,
      onConflict: 'Fail',
      ...more,
    })
  const texts = () => Object.fromEntries([...there.objects].map(([key, bytes]) => [key, bytes.toString()]).sort())

  test('every file becomes an object; a second time nothing is written', async () => {
    const version = await storeVersion(store, prefix, 1, { a: '1', 'd/b': '22', empty: '', link: { link: 'a' } })
    expect(await run(version)).toEqual({
      op: 'Mirror',
      outcome: 'Done',
      files: 4,
      bytes: 3,
      written: 3,
      removed: 0,
      warnings: ['symlinks are not mirrored, an object store has none: "link"'],
    })
    expect(texts()).toEqual({ 'out/a': '1', 'out/d/b': '22', 'out/empty': '' })
    expect(await run(version)).toMatchObject({ written: 0, removed: 0 })
  })

  test('the next version replaces what the last one put there, and prunes only if asked', async () => {
    const one = await storeVersion(store, prefix, 1, { a: '1', gone: 'x' })
    await run(one)
    await there.put('out/stranger', Buffer.from('s'))
    await there.put('out/dir/', Buffer.from(''))
    await there.put('elsewhere', Buffer.from('e'))
    const two = await storeVersion(store, prefix, 2, { a: '2', b: 'b' })
    expect(await run(two, { previous: one })).toMatchObject({ written: 2, removed: 0 })
    expect(texts()).toEqual({
      'out/a': '2',
      'out/b': 'b',
      'out/gone': 'x',
      'out/stranger': 's',
      'out/dir/': '',
      elsewhere: 'e',
    })
    expect(await run(two, { previous: one, prune: true })).toMatchObject({ written: 0, removed: 2 })
    expect(texts()).toEqual({ 'out/a': '2', 'out/b': 'b', 'out/dir/': '', elsewhere: 'e' })
  })

  test('an object that somebody else changed is not overwritten, nor is anything pruned, unless that is asked for', async () => {
    const one = await storeVersion(store, prefix, 1, { a: '1', b: '1', c: '1' })
    await run(one)
    await there.put('out/b', Buffer.from('X'))
    await there.put('out/c', Buffer.from('long'))
    await there.put('out/new', Buffer.from('N'))
    await there.put('out/other', Buffer.from('o'))
    const two = await storeVersion(store, prefix, 2, { a: '2', b: '2', c: '2', new: 'n' })
    await expect(run(two, { previous: one, prune: true })).rejects.toMatchObject({
      reason: 'DestinationChanged',
      names: ['out/b', 'out/c', 'out/new'],
      message: expect.stringContaining('onConflict: Overwrite'),
    })
    // Nothing at all was written: this may be the wrong place.
    expect(texts()).toEqual({ 'out/a': '1', 'out/b': 'X', 'out/c': 'long', 'out/new': 'N', 'out/other': 'o' })
    expect(await run(two, { previous: one, onConflict: 'Overwrite' })).toMatchObject({ written: 4 })
    expect(texts()).toMatchObject({ 'out/b': '2', 'out/c': '2', 'out/new': 'n' })
  })

  test('an object that appears between the look and the write is not overwritten', async () => {
    const version = await storeVersion(store, prefix, 1, { a: '1' })
    there.beforeWrite = (key) => void there.objects.set(key, Buffer.from('somebody'))
    await expect(run(version)).rejects.toMatchObject({ reason: 'DestinationChanged', names: ['out/a'] })
    expect(texts()).toEqual({ 'out/a': 'somebody' })
  })

  test.each([
    ['small', 100],
    ['big', 9 * 1024 * 1024],
  ])('a %s file that is damaged in the store is not left at the destination', async (_, size) => {
    const bytes = Buffer.alloc(size, 'x')
    const version = await storeVersion(store, prefix, 1, { f: bytes })
    await run(version)
    expect(there.objects.get('out/f')!.equals(bytes)).toBe(true)
    there.objects.clear()
    store.objects.get(`${prefix}data/v1/f`)![size - 1]! ^= 1
    await expect(run(version)).rejects.toMatchObject({ reason: 'Corrupt', names: ['f'] })
    expect(texts()).toEqual({})
  })

  test('lines that refer to the source are read there, and a change is named', async () => {
    await there.put('in/x', Buffer.from('external'))
    const etag = createHash('md5').update('external').digest('hex')
    const place = (entry: Entry): Entry => ({ ...entry, u: { b: 'source', k: 'in/x', e: etag } })
    const version = await storeVersion(store, prefix, 1, { x: 'external' }, place)
    await run(version, { source: at('source', 'in/') })
    expect(texts()).toMatchObject({ 'out/x': 'external' })
    there.objects.delete('out/x')
    await there.put('in/x', Buffer.from('EXTERNAL'))
    await expect(run(version, { source: at('source', 'in/') })).rejects.toMatchObject({ reason: 'SourceDrifted' })
  })

  test('the directory of the versions is never mirrored into', async () => {
    const version = await storeVersion(store, prefix, 1, { a: '1' })
    for (const destination of ['', 'team/', prefix, `${prefix}data/`])
      await expect(run(version, { destination: at('store', destination), prune: true })).rejects.toMatchObject({
        reason: 'InvalidSpec',
      })
    await expect(run(version, { destination: at('store', 'team/models/') })).resolves.toMatchObject({ written: 1 })
  })

  test('what the destination says is passed on', async () => {
    const version = await storeVersion(store, prefix, 1, { a: '1' })
    there.beforeWrite = () => {
      throw new StoreError('denied', 'these credentials may not write', 'out/a')
    }
    await expect(run(version)).rejects.toMatchObject({ failure: 'denied' })
  })

  describe('into the own source', () => {
    const look = async (rules: { exclude?: string[] } = {}) =>
      (
        await summarize(
          { store: there, prefix: 'out/', rules: { ...rules, allowEmpty: true } },
          { signal: new AbortController().signal },
        )
      ).fingerprint
    const put = (files: Record<string, string>) =>
      Promise.all(Object.entries(files).map(([path, text]) => there.put(`out/${path}`, Buffer.from(text))))
    const imported = async (files: Record<string, string>, place?: (entry: Entry) => Entry) => {
      await put(files)
      return storeVersion(store, prefix, 1, files, place)
    }

    test('what was imported may be replaced, and the next look finds just what was written', async () => {
      const one = await imported({ a: '1', b: '1', gone: 'x' })
      await put({ 'skip.tmp': 'not ours' })
      const two = await storeVersion(store, prefix, 2, { a: '2', b: '1', new: 'n', link: { link: 'a' } })
      const ownSource = { imported: one, referred: false, exclude: ['*.tmp'] }
      const done = await run(two, { ownSource })
      expect(done).toMatchObject({ written: 2, fingerprint: await look({ exclude: ['*.tmp'] }) })
      const again = await run(two, { ownSource, previous: two, prune: true })
      expect(again).toMatchObject({ removed: 1, fingerprint: await look({ exclude: ['*.tmp'] }) })
      expect(texts()).toEqual({ 'out/a': '2', 'out/b': '1', 'out/new': 'n', 'out/skip.tmp': 'not ours' })
    })

    test('an attempt that was killed half-way changes nothing of that', async () => {
      const one = await imported({ a: '1', b: '1', c: '1' })
      const two = await storeVersion(store, prefix, 2, { a: '2', b: '2', c: '2', d: '2' })
      let left = 2
      there.beforeWrite = () => {
        if (left-- <= 0) throw new StoreError('unreachable', 'gone')
      }
      const ownSource = { imported: one, referred: false }
      await expect(run(two, { ownSource })).rejects.toMatchObject({ failure: 'unreachable' })
      there.beforeWrite = () => {}
      expect(await run(two, { ownSource })).toMatchObject({ fingerprint: await look() })
    })

    test.each<[string, (files: typeof put) => unknown, (() => unknown) | undefined]>([
      ['a file that nobody imported', (files) => files({ stranger: 's' }), undefined],
      ['a file that comes while it is written', () => {}, () => void there.objects.set('out/late', Buffer.from('l'))],
      ['a file that changes while it is written', () => {}, () => void there.objects.set('out/same', Buffer.from('S'))],
      ['a file that goes while it is written', () => {}, () => void there.objects.delete('out/left')],
    ])('%s is left to the next look', async (_, before, during) => {
      const one = await imported({ a: '1', same: 's', left: 'l' })
      await before(put)
      const two = await storeVersion(store, prefix, 2, { a: '2', same: 's' })
      there.beforeWrite = () => void during?.()
      const done = await run(two, { ownSource: { imported: one, referred: false } })
      expect(done).toMatchObject({ written: 1 })
      expect(done).not.toHaveProperty('fingerprint')
    })

    test('objects that versions point at are replaced only where their old states are kept', async () => {
      const pointing =
        (u: object) =>
        (entry: Entry): Entry => ({ ...entry, u: { b: 'there', k: `out/${entry.p}`, ...u } })
      const two = await storeVersion(store, prefix, 2, { a: '2' })
      const weak = await imported({ a: '1' }, pointing({ e: 'etag' }))
      await expect(run(two, { ownSource: { imported: weak, referred: true } })).rejects.toMatchObject({
        reason: 'WriteBackWouldOverwrite',
        names: ['out/a'],
      })
      expect(texts()).toEqual({ 'out/a': '1' })
      const kept = await imported({ a: '1' }, pointing({ v: 'version-1' }))
      expect(await run(two, { ownSource: { imported: kept, referred: true } })).toMatchObject({ written: 1 })
    })
  })
})
