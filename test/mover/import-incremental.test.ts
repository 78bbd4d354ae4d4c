import { describe, expect, test } from 'vitest'
import { sha256Hex } from '../../src/manifest/digest.ts'
import type { DoneOf, SpecOf } from '../../src/mover/deps.ts'
import { runImport } from '../../src/mover/import.ts'
import { downloadByStream } from '../../src/stores/by-stream.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'

const prefix = 'granary/team/set/'
const MiB = 1024 * 1024

const scene = () => {
  const [store, bucket] = [memoryStore(), memoryStore('memory://source')]
  const read: string[] = []
  const source: ObjectStore = {
    ...bucket,
    download: (key, target, options) => downloadByStream(source, key, target, options),
    get: (key: string, options?: object) => {
      read.push(key)
      return bucket.get(key, options)
    },
  }
  const { deps } = moveDeps({ store, source }, '/nowhere')
  const importing = (
    mode: 'Copy' | 'Reference',
    sequence: number,
    parent?: DoneOf<'Import'>,
    more: Partial<SpecOf<'Import'>> = {},
  ): Promise<DoneOf<'Import'>> => {
    read.length = 0
    store.writes.length = 0
    return runImport(deps, {
      op: 'Import',
      dataset: { namespace: 'team', name: 'set', uid: 'uid-1' },
      store: at('store', prefix),
      source: at('source', 'raw/'),
      mode,
      intent: { sequence, createdAt: `2026-01-0${sequence}T00:00:00Z` },
      ...(parent && { parent: { sequence: parent.sequence!, root: parent.root, digest: parent.digest } }),
      ...more,
    })
  }
  const put = (path: string, bytes: string | Buffer) => bucket.put(`raw/${path}`, Buffer.from(bytes))
  const records = () => [...store.objects.keys()].filter((key) => key.startsWith(`${prefix}sources/`))
  return { store, bucket, read, importing, put, records }
}

describe.each(['Copy', 'Reference'] as const)('%s', (mode) => {
  test('only what is new is read; what was written again with the same bytes is read and stays where it is', async () => {
    const { store, read, importing, put } = scene()
    await put('a', 'A')
    await put('big', Buffer.alloc(9 * MiB, 1))
    await put('c', 'C')
    const first = await importing(mode, 1)
    expect(read.sort()).toEqual(['raw/a', 'raw/big', 'raw/c'])
    expect((await importing(mode, 2, first)).outcome).toBe('Unchanged')
    expect(read).toEqual([])
    await put('c', 'changed')
    const second = await importing(mode, 3, first)
    expect(second).toMatchObject({ outcome: 'Committed', files: 3 })
    expect(read).toEqual(['raw/c'])
    expect(store.writes.filter((key) => key.includes('/data/'))).toEqual(mode === 'Copy' ? [`${prefix}data/v3/c`] : [])
  })

  test('a stopped attempt is gone on from', async () => {
    const { store, read, importing, put } = scene()
    for (let i = 0; i < 300; i++) await put(`f${String(i).padStart(3, '0')}`, `${i}`)
    let left = 3
    store.beforeWrite = (key) => {
      if (key.includes('/sources/') && --left === 0) throw new Error('stopped')
    }
    await expect(importing(mode, 1)).rejects.toThrow('stopped')
    store.beforeWrite = () => {}
    const done = await importing(mode, 1)
    expect(done).toMatchObject({ outcome: 'Committed', files: 300 })
    expect(read.length).toBeGreaterThan(0)
    expect(read.length).toBeLessThan(250)
    expect(store.writes.filter((key) => key.includes('/data/'))).toHaveLength(mode === 'Copy' ? read.length : 0)
  })
})

test('a copy that is not what the record says of it is made again', async () => {
  const { store, read, importing, put } = scene()
  await put('a', 'A')
  await put('b', 'B')
  let turns = 0
  store.beforeWrite = (key) => {
    // All is stored, and it has not said yet that it commits.
    if (key.endsWith('/turn.json') && ++turns === 2) throw new Error('stopped')
  }
  await expect(importing('Copy', 1)).rejects.toThrow('stopped')
  store.beforeWrite = () => {}
  store.objects.set(`${prefix}data/v1/b`, Buffer.from('X'))
  await importing('Copy', 1)
  expect(read).toEqual(['raw/b'])
  expect(store.objects.get(`${prefix}data/v1/b`)?.toString()).toBe('B')
})

test('what is known of one source is not believed of another, nor what the parent does not have', async () => {
  const { store, bucket, read, importing, put, records } = scene()
  await put('a', 'A')
  const first = await importing('Copy', 1)
  await bucket.put('other/a', Buffer.from('A'))
  await importing('Copy', 2, first, { source: at('source', 'other/') })
  expect(read).toEqual(['other/a'])
  // Without the parent's line there are no bytes to point at, whatever the record says.
  expect(await importing('Copy', 3, undefined, { source: at('source', 'other/') })).toMatchObject({ sequence: 3 })
  expect(read).toEqual(['other/a'])
  expect(store.objects.has(`${prefix}data/v3/a`)).toBe(true)
  expect(records()).toHaveLength(1)
})

test('a broken record is as if it were not there', async () => {
  const { store, read, importing, put, records } = scene()
  await put('a', 'A')
  const first = await importing('Copy', 1)
  for (const key of records()) store.objects.set(key, Buffer.from('no gzip'))
  expect((await importing('Copy', 2, first)).outcome).toBe('Unchanged')
  expect(read).toEqual(['raw/a'])
  expect(first.digest).toMatch(/^[0-9a-f]{64}$/)
  expect(sha256Hex(store.objects.get(`${prefix}data/v1/a`)!)).toBe(sha256Hex(Buffer.from('A')))
})
