import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { beforeEach, describe, expect, test } from 'vitest'
import type { Entry } from '../../src/manifest/types.ts'
import type { MoveDeps, SpecOf } from '../../src/mover/deps.ts'
import { populate } from '../../src/mover/populate.ts'
import { StoreError } from '../../src/stores/object-store.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { type Content, storeVersion } from '../helpers/stored-version.ts'
import { look, plant, temporaryDir } from '../helpers/tree.ts'

const prefix = 'team/digits/'
const files: Record<string, Content> = {
  'a.txt': 'one',
  'd/e/f': 'deep',
  'd/empty': '',
  'd/link': { link: '../a.txt' },
  'näme 😀': 'x',
  run: { executable: '#!/bin/sh' },
}
const filled = {
  'a.txt': '444 one',
  'd/': '555',
  'd/e/': '555',
  'd/e/f': '444 deep',
  'd/empty': '444 ',
  'd/link': '-> ../a.txt',
  'näme 😀': '444 x',
  run: '555 #!/bin/sh',
}

describe('populate', () => {
  let store: MemoryStore
  let source: MemoryStore
  let data: string
  let deps: MoveDeps
  let counted: { files: number; bytes: number }

  beforeEach(async () => {
    store = memoryStore()
    source = memoryStore('memory://source')
    data = await temporaryDir()
    ;({ deps, counted } = moveDeps({ store, source, other: source }, data))
  })

  const specOf = (version: SpecOf<'Populate'>['version'], more: Partial<SpecOf<'Populate'>> = {}) => ({
    op: 'Populate' as const,
    store: at('store', prefix),
    version,
    modes: 'ReadOnly' as const,
    ...more,
  })

  test('files, executables, links, empty files; modes; lost+found stays', async () => {
    await mkdir(join(data, 'lost+found'))
    const version = await storeVersion(store, prefix, 1, files)
    const done = await populate(deps, specOf(version))
    expect(done).toEqual({ op: 'Populate', outcome: 'Done', files: 6, bytes: 17 })
    expect(await look(data)).toEqual({ ...filled, 'lost+found/': '755' })
    expect(counted).toEqual({ files: 6, bytes: 17 })
  })

  test('a working volume may be written by anybody', async () => {
    const version = await storeVersion(store, prefix, 1, files)
    await populate(deps, specOf(version, { modes: 'Working' }))
    expect(await look(data)).toMatchObject({ 'a.txt': '666 one', run: '777 #!/bin/sh', 'd/e/': '777' })
  })

  test('lines whose bytes lie in an older version or in the source', async () => {
    await source.put('in/x', Buffer.from('external'))
    const etag = (await source.head('in/x'))!.etag!
    const place = (entry: Entry): Entry => {
      if (entry.p === 'old') return { ...entry, o: 2 }
      return entry.p === 'x' ? { ...entry, u: { b: 'source', k: 'in/x', e: etag } } : entry
    }
    const version = await storeVersion(store, prefix, 5, { old: 'old', new: 'new', x: 'external' }, place)
    await populate(deps, specOf(version, { source: at('source', 'in/') }))
    expect(await look(data)).toEqual({ old: '444 old', new: '444 new', x: '444 external' })
  })

  test('what an earlier attempt left: right bytes stay, all else goes', async () => {
    const version = await storeVersion(store, prefix, 1, files)
    await populate(deps, specOf(version))
    await mkdir(join(data, 'lost+found'))
    const before = await look(data)
    store.objects.delete(`${prefix}data/v1/a.txt`) // is not read again
    await populate(deps, specOf(version))
    expect(await look(data)).toEqual(before)
  })

  test('leftovers of every kind at the wrong places', async () => {
    const outside = await temporaryDir()
    await plant(outside, { keep: 'untouched' })
    await plant(data, {
      'a.txt/was/a/dir': '1',
      'd/e': { link: outside },
      run: { link: join(outside, 'keep') },
      'd/empty': 'not empty',
      'näme 😀': 'y',
      'stray/deep/x': '1',
      'd/link': 'a file',
      '.granary-old/0': 'scratch',
    })
    await mkdir(join(data, 'empty/er'), { recursive: true })
    const version = await storeVersion(store, prefix, 1, files)
    await populate(deps, specOf(version))
    expect(await look(data)).toEqual(filled)
    expect(await look(outside)).toEqual({ keep: '644 untouched' })
  })

  test('a stored object that is damaged, of another size or gone is named', async () => {
    const version = await storeVersion(store, prefix, 1, files)
    for (const damage of ['two', 'longer', undefined]) {
      if (damage === undefined) store.objects.delete(`${prefix}data/v1/a.txt`)
      else store.objects.set(`${prefix}data/v1/a.txt`, Buffer.from(damage))
      await expect(populate(deps, specOf(version))).rejects.toMatchObject({ reason: 'Corrupt', names: ['a.txt'] })
      expect(await look(data)).not.toHaveProperty(['a.txt'])
    }
    expect(Object.keys(await look(data)).filter((name) => name.startsWith('.granary'))).toEqual([])
  })

  test('bytes that were damaged on the way are read again before the store is blamed', async () => {
    const version = await storeVersion(store, prefix, 1, { 'a.txt': 'one' })
    const get = store.get.bind(store)
    let damaged = 1
    store.get = async (key, options) => {
      const { info, body } = await get(key, options)
      if (!key.includes('/data/') || damaged-- <= 0) return { info, body }
      const broken = (async function* () {
        yield Buffer.from('onf')
        throw new StoreError('corrupt', 'differs from its checksum', key)
      })()
      return { info, body: Readable.from(broken, { objectMode: false }) }
    }
    await populate(deps, specOf(version))
    expect(await look(data)).toEqual({ 'a.txt': '444 one' })
    data = await temporaryDir()
    damaged = 3
    const again = moveDeps({ store, source, other: source }, data).deps
    await expect(populate(again, specOf(version))).rejects.toMatchObject({ reason: 'Corrupt', names: ['a.txt'] })
    expect(await look(data)).toEqual({})
  })

  test('a source that changed is named', async () => {
    await source.put('in/x', Buffer.from('external'))
    const etag = (await source.head('in/x'))!.etag!
    const place = (entry: Entry): Entry => ({ ...entry, u: { b: 'source', k: 'in/x', e: etag } })
    const version = await storeVersion(store, prefix, 1, { x: 'external' }, place)
    await source.put('in/x', Buffer.from('EXTERNAL'))
    const drifted = { reason: 'SourceDrifted', names: ['x'], message: expect.stringContaining('memory://source/in/x') }
    await expect(populate(deps, specOf(version, { source: at('source', 'in/') }))).rejects.toMatchObject(drifted)
    source.objects.clear()
    await expect(populate(deps, specOf(version, { source: at('source', 'in/') }))).rejects.toMatchObject(drifted)
    await expect(populate(deps, specOf(version, { source: at('other', 'in/') }))).rejects.toMatchObject({
      reason: 'InvalidSpec',
    })
  })

  test('too little room is said before a byte moves', async () => {
    const version = await storeVersion(store, prefix, 1, { 'big.bin': Buffer.alloc(3000) })
    const place = (entry: Entry): Entry => ({ ...entry, s: 2 ** 52 })
    const huge = await storeVersion(store, prefix, 2, { huge: 'x' }, place)
    await expect(populate(deps, specOf(version, { capacity: 2999 }))).rejects.toMatchObject({
      reason: 'InsufficientSpace',
      message: expect.stringMatching(/2.93 KiB in 1 files.*resources\.requests\.storage/),
    })
    await expect(populate(deps, specOf(huge))).rejects.toMatchObject({ reason: 'InsufficientSpace' })
    expect(await look(data)).toEqual({})
  })

  test('an aborted move leaves no scratch files', async () => {
    const version = await storeVersion(store, prefix, 1, files)
    const stop = new AbortController()
    const get = store.get.bind(store)
    store.get = async (key, options) => {
      if (key.includes('/data/')) stop.abort(new Error('stop'))
      return get(key, options)
    }
    await expect(populate({ ...deps, signal: stop.signal }, specOf(version))).rejects.toThrow('stop')
    expect(Object.keys(await look(data)).filter((name) => name.startsWith('.granary'))).toEqual([])
  })
})
