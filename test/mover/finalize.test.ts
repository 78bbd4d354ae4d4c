import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, readFileSync, rmSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { beforeEach, describe, expect, test } from 'vitest'
import { versionKey } from '../../src/manifest/keys.ts'
import { parseCommit } from '../../src/manifest/records.ts'
import type { SpecOf } from '../../src/mover/deps.ts'
import { finalize } from '../../src/mover/finalize.ts'
import { readVersion } from '../../src/transfer/read-version.ts'
import { collect } from '../helpers/memory-sink.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { type Content, entryOf, storeVersion } from '../helpers/stored-version.ts'
import { plant, temporaryDir } from '../helpers/tree.ts'

const prefix = 'team/model/'
const dataset = { namespace: 'team', name: 'model', uid: 'uid-1' }
const intent = {
  sequence: 3,
  createdAt: '2026-11-21T12:00:00Z',
  message: 'trained',
  producer: { kind: 'Job', name: 'train' },
}
const files: Record<string, Content> = {
  'a.txt': 'one',
  'd/e/f': 'deep',
  'd/empty': '',
  'd/link': { link: '../a.txt' },
  'd-x': 'between',
  'näme 😀': 'x',
  run: { executable: '#!/bin/sh' },
}

describe('finalize', () => {
  let store: MemoryStore
  let data: string

  beforeEach(async () => {
    store = memoryStore()
    data = await temporaryDir()
  })

  const spec = (more: Partial<SpecOf<'Finalize'>> = {}): SpecOf<'Finalize'> => ({
    op: 'Finalize',
    dataset,
    store: at('store', prefix),
    intent,
    ...more,
  })
  const run = (more?: Partial<SpecOf<'Finalize'>>) => finalize(moveDeps({ store }, data).deps, spec(more))
  const below = (start: string) => [...store.objects.keys()].filter((key) => key.startsWith(`${prefix}${start}`)).sort()
  const entries = (root: string) => collect(readVersion(store, prefix, root))

  test('a tree becomes a version: plain objects, manifest, record; no journal is left', async () => {
    await plant(data, { ...files, 'lost+found/x': 'not ours' })
    const done = await run()
    const all = Object.entries(files).map(([p, content]) => entryOf(p, content))
    expect(await entries(done.root)).toEqual(all.toSorted((a, b) => Buffer.compare(Buffer.from(a.p), Buffer.from(b.p))))
    expect(done).toMatchObject({ outcome: 'Committed', sequence: 3, files: 7, bytes: 24, uploaded: 24 })
    expect(below('data/')).toEqual(
      ['a.txt', 'd-x', 'd/e/f', 'd/empty', 'näme 😀', 'run'].map((p) => `${prefix}data/v3/${p}`),
    )
    expect(below('uploads/')).toEqual([])
    const record = parseCommit(store.objects.get(`${prefix}versions/v3.json`)!, 'v3')
    const { digest, root } = done
    expect(record).toEqual({ layout: 1, dataset, ...intent, root, digest, files: 7, bytes: 24 })
    expect(store.writes.at(-1)).toBe(`${prefix}versions/v3.json`)
  })

  test('what the base has is not uploaded again, wherever the base has it', async () => {
    const h = createHash('sha256').update('external').digest('hex')
    const base = await storeVersion(
      store,
      prefix,
      2,
      { 'a.txt': 'one', older: 'older', gone: 'gone', 'd-x': 'BETWEEN', ext: 'external', run: '#!/bin/sh' },
      (entry) => {
        if (entry.p === 'older') return { ...entry, o: 1 }
        return entry.p === 'ext' ? { ...entry, u: { b: 'b', k: 'in/ext', e: 'etag' } } : entry
      },
    )
    await store.put(versionKey(prefix, 2), Buffer.from('{}'))
    await plant(data, { ...files, older: 'older', ext: 'external' })
    const done = await run({ base, intent: { ...intent, parent: 2 } })
    expect(done.uploaded).toBe('deep'.length + 'between'.length + 'x'.length)
    expect(below('data/v3/')).toEqual(['d-x', 'd/e/f', 'd/empty', 'näme 😀'].map((p) => `${prefix}data/v3/${p}`))
    const lines = new Map((await entries(done.root)).map((entry) => [entry.p, entry]))
    expect(lines.get('a.txt')).toMatchObject({ o: 2 })
    expect(lines.get('older')).toMatchObject({ o: 1 })
    expect(lines.get('ext')).toEqual({ p: 'ext', s: 8, h, u: { b: 'b', k: 'in/ext', e: 'etag' } })
    expect(lines.get('run')).toMatchObject({ o: 2, x: 1 })
    expect(lines.has('gone')).toBe(false)
  })

  test('a second run finds the version; one of somebody else is a conflict and is left alone', async () => {
    await plant(data, files)
    const first = await run()
    const before = [...store.writes]
    writeFileSync(join(data, 'later'), 'belongs to the next version')
    expect(await run()).toEqual({ ...first, uploaded: 0 })
    expect(store.writes).toEqual(before)
    const other = { intent: { ...intent, createdAt: '2026-11-21T12:00:01Z' } }
    await expect(run(other)).rejects.toMatchObject({ reason: 'CommitConflict' })
    await expect(run({ dataset: { ...dataset, uid: 'uid-2' } })).rejects.toMatchObject({ reason: 'AdoptionRequired' })
    expect(store.writes).toEqual(before)
  })

  /** Stops at the nth write of a key that matches, as a kill does: nothing after it reaches the store. */
  const cutOffAt = (n: number, match = '') => {
    let seen = 0
    store.beforeWrite = (key) => {
      if (key.includes(match) && ++seen >= n) throw new Error('killed')
    }
  }

  test('after a crash at any write the next attempt finishes, with the same bytes and nothing left', async () => {
    await plant(data, files)
    const expected = await run()
    const writes = store.writes.length
    const contents = new Map(store.objects)
    for (let n = 1; n <= writes; n++) {
      store = memoryStore()
      cutOffAt(n)
      await expect(run()).rejects.toThrow('killed')
      store.beforeWrite = () => {}
      expect(await run()).toEqual(expected)
      expect(store.objects).toEqual(contents)
    }
  })

  test('what the journal says is there is not uploaded again', async () => {
    const many = Object.fromEntries(Array.from({ length: 300 }, (_, i) => [`f/${String(i).padStart(3, '0')}`, `${i}`]))
    await plant(data, many)
    cutOffAt(250, '/data/')
    await expect(run()).rejects.toThrow('killed')
    const journaled = 64 * 3
    const key = `${prefix}data/v3/f/000`
    store.beforeWrite = () => {}
    store.writes.length = 0
    store.objects.delete(key) // somebody removed one: it is seen
    writeFileSync(join(data, 'f/001'), 'X') // and one was written to since
    const done = await run()
    const again = store.writes.filter((written) => written.includes('/data/'))
    expect(again).toHaveLength(300 - journaled + 2)
    expect(again).toContain(key)
    expect(again).toContain(`${prefix}data/v3/f/001`)
    expect(done.files).toBe(300)
    expect(below('uploads/')).toEqual([])
    const sha = createHash('sha256').update('X').digest('hex')
    expect((await entries(done.root))[1]).toMatchObject({ p: 'f/001', h: sha })
  })

  test('objects of an earlier attempt that the version lacks are removed once it is committed, also if the mover was lost in between', async () => {
    await plant(data, { 'a.txt': 'one', same: 'same' })
    const base = await storeVersion(store, prefix, 2, { same: 'same' })
    await store.put(versionKey(prefix, 2), Buffer.from('{}'))
    await store.put(`${prefix}data/v3/stray/x`, Buffer.from('stray'))
    await store.put(`${prefix}data/v3/same`, Buffer.from('was other'))
    const all = ['a.txt', 'same', 'stray/x'].map((p) => `${prefix}data/v3/${p}`)
    // Until then nobody knows whether another attempt, that may be alive, needs them.
    store.beforeWrite = (key) => {
      if (key.includes('/versions/')) expect(below('data/v3/')).toEqual(all)
    }
    const { remove } = store
    store.remove = async () => {
      throw new Error('killed')
    }
    await expect(run({ base })).rejects.toThrow('killed')
    expect(below('versions/')).toContain(versionKey(prefix, 3))
    store.remove = remove
    await run({ base })
    expect(below('data/v3/')).toEqual([`${prefix}data/v3/a.txt`])
    expect(below('uploads/')).toEqual([])
  })

  const relink = (path: string, target: string) => {
    rmSync(join(data, path))
    symlinkSync(target, join(data, path))
  }
  test.each([
    ['changed', () => writeFileSync(join(data, 'a.txt'), 'ONE')],
    ['grew', () => writeFileSync(join(data, 'a.txt'), 'one more')],
    ['was made executable', () => chmodSync(join(data, 'a.txt'), 0o755)],
    ['went away', () => rmSync(join(data, 'a.txt'))],
    ['is another kind', () => relink('a.txt', 'd-x')],
    ['is new', () => writeFileSync(join(data, 'aa'), '')],
    ['leads elsewhere', () => relink('d/link', 'empty')],
  ])('a file that %s while others are uploaded: WritersActive, no commit', async (_, change) => {
    await plant(data, files)
    store.beforeWrite = (key) => {
      if (key.endsWith('/run')) change()
    }
    await expect(run()).rejects.toMatchObject({ reason: 'WritersActive', names: [expect.any(String)] })
    expect(below('versions/')).toEqual([])
    expect(below('manifests/')).toEqual([])
  })

  test('a file that was only touched is hashed once more and committed', async () => {
    await plant(data, files)
    store.beforeWrite = (key) => {
      if (key.endsWith('/run')) utimesSync(join(data, 'a.txt'), 1, 1)
    }
    expect((await run()).files).toBe(7)
  })

  test('a store that loses or alters what was uploaded is not trusted', async () => {
    await plant(data, files)
    const lose = (key: string) => {
      if (key.includes('/uploads/')) store.objects.delete(`${prefix}data/v3/a.txt`)
    }
    store.beforeWrite = lose
    await expect(run()).rejects.toMatchObject({ reason: 'Unreachable', names: ['a.txt'] })
    store.beforeWrite = (key) => {
      if (key.includes('/uploads/')) store.objects.set(`${prefix}data/v3/a.txt`, Buffer.from('two'))
    }
    await expect(run()).rejects.toMatchObject({ reason: 'Unreachable', names: ['a.txt'] })
    expect(below('versions/')).toEqual([])
  })

  test('no files', async () => {
    await expect(run()).rejects.toMatchObject({ reason: 'EmptyOutput' })
    expect(below('versions/')).toEqual([])
    expect(await run({ allowEmpty: true })).toMatchObject({ files: 0, bytes: 0 })
  })

  test('what a version cannot hold is refused by name before a byte is uploaded', async () => {
    await plant(data, {
      'bad\nname': '',
      'out/link': { link: '../../etc' },
      ok: 'ok',
      [`${'long/'.repeat(203)}x`]: '',
    })
    execFileSync('mkfifo', [join(data, 'pipe')])
    const failure = await run().catch((error) => error)
    expect(failure).toMatchObject({
      reason: 'InvalidKeys',
      names: ['bad\nname', expect.stringMatching(/^long/), 'out/link', 'pipe'],
      message: expect.stringMatching(/control character.*too long.*leads out.*named pipe/),
    })
    expect(below('data/')).toEqual([])
  })

  test('links that stay inside are kept, also dangling ones', async () => {
    await plant(data, { 'd/l': { link: '../none' }, self: { link: '.' } })
    expect(await entries((await run()).root)).toEqual([
      { p: 'd/l', l: '../none' },
      { p: 'self', l: '.' },
    ])
  })

  test.each([
    ['no gzip', Buffer.from('not gzip')],
    ['no journal', gzipSync('not a journal\n')],
    ['another layout', gzipSync('["1","2","3",""]\t{"p":"a","z":1}\n')],
  ])('an earlier journal that is %s costs uploads, no more', async (_, bytes) => {
    await plant(data, files)
    await store.put(`${prefix}uploads/v3/000001/00000000.ndjson.gz`, bytes)
    expect(await run()).toMatchObject({ outcome: 'Committed', files: 7 })
    expect(below('uploads/')).toEqual([])
  })

  test('names that some volumes take for one are told', async () => {
    await plant(data, { 'Read.me': '1', 'd/x': '', 'read.me': '2' })
    expect((await run()).warnings).toEqual([expect.stringContaining('differ only by case')])
  })

  test('two attempts that both left a journal', async () => {
    const many = Object.fromEntries(Array.from({ length: 150 }, (_, i) => [`f/${String(i).padStart(3, '0')}`, `${i}`]))
    await plant(data, many)
    cutOffAt(2, '/uploads/v3/0')
    await expect(run()).rejects.toThrow('killed')
    writeFileSync(join(data, 'f/000'), 'changed between the attempts')
    cutOffAt(3, '/uploads/v3/0')
    await expect(run()).rejects.toThrow('killed')
    store.beforeWrite = () => {}
    store.writes.length = 0
    const done = await run()
    expect(store.writes.filter((written) => written.includes('/data/'))).toHaveLength(150 - 128)
    expect((await entries(done.root))[0]).toMatchObject({ p: 'f/000', s: 28 })
    expect(readFileSync(join(data, 'f/000'), 'utf8')).toBe(store.objects.get(`${prefix}data/v3/f/000`)!.toString())
  })
})
