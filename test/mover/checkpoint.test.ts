import { rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeEach, expect, test } from 'vitest'
import { checkpointKey } from '../../src/manifest/keys.ts'
import { checkpoint } from '../../src/mover/checkpoint.ts'
import { finalize } from '../../src/mover/finalize.ts'
import { readVersion } from '../../src/transfer/read-version.ts'
import { collect } from '../helpers/memory-sink.ts'
import { type MemoryStore, memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { storeVersion } from '../helpers/stored-version.ts'
import { plant, temporaryDir } from '../helpers/tree.ts'

const prefix = 'team/model/'
const dataset = { namespace: 'team', name: 'model', uid: 'uid-1' }
const intent = { sequence: 3, createdAt: '2026-11-21T12:00:00Z' }

let store: MemoryStore
let data: string
beforeEach(async () => {
  store = memoryStore()
  data = await temporaryDir()
})

/** Two minutes later nothing is fresh any more. */
const depsAt = (later: number) => ({ ...moveDeps({ store }, data).deps, now: () => Date.now() + later })
const save = (later = 120_000, more: object = {}) =>
  checkpoint(depsAt(later), {
    op: 'Checkpoint',
    dataset,
    store: at('store', prefix),
    sequence: 3,
    openedAt: intent.createdAt,
    ...more,
  })
const commit = (more: object = {}) =>
  finalize(moveDeps({ store }, data).deps, { op: 'Finalize', dataset, store: at('store', prefix), intent, ...more })
const uploads = () =>
  store.writes.filter((key) => key.startsWith(`${prefix}data/v3/`)).map((key) => key.split('/v3/')[1])
const paths = async (root: string) => (await collect(readVersion(store, prefix, root))).map(({ p }) => p)

test('what is there is saved once; the next time only what changed; the commit uploads the rest', async () => {
  await plant(data, { a: 'one', 'd/b': 'two' })
  expect(await save()).toMatchObject({ files: 2, bytes: 6, uploaded: 6, left: 0 })
  expect(uploads().sort()).toEqual(['a', 'd/b'])
  writeFileSync(join(data, 'd/b'), 'changed')
  writeFileSync(join(data, 'c'), 'new')
  expect(await save()).toMatchObject({ files: 3, uploaded: 10, left: 0 })
  expect(uploads().sort()).toEqual(['a', 'c', 'd/b', 'd/b'])
  rmSync(join(data, 'c'))
  writeFileSync(join(data, 'last'), 'more')
  const { root } = await commit()
  expect(uploads().slice(4)).toEqual(['last'])
  expect(await paths(root)).toEqual(['a', 'd/b', 'last'])
  expect([...store.objects.keys()].filter((key) => key.includes('/uploads/'))).toEqual([])
  expect(store.objects.has(`${prefix}data/v3/c`)).toBe(false)
})

test('what was written just now is saved, and hashed again the next time, because times are coarse', async () => {
  await plant(data, { a: 'one' })
  expect(await save(0)).toMatchObject({ files: 1, uploaded: 3 })
  expect(await save(0)).toMatchObject({ files: 1, uploaded: 0 })
  expect(uploads()).toEqual(['a'])
})

test('a file that changes while it is read is left, and so is what can be in no version', async () => {
  await plant(data, { steady: 'one', busy: 'two', 'bad\u0001name': 'x' })
  symlinkSync('/etc/passwd', join(data, 'out'))
  store.beforeWrite = (key) => {
    if (key.endsWith('/busy')) writeFileSync(join(data, 'busy'), 'longer than before')
  }
  const done = await save()
  expect(done).toMatchObject({ files: 1, bytes: 3, left: 3 })
  expect(done.names).toContain('busy')
  store.beforeWrite = () => {}
  expect(await save()).toMatchObject({ files: 2, left: 2 })
})

test('what goes away meanwhile is no error', async () => {
  await plant(data, { a: 'one', z: 'two' })
  store.beforeWrite = (key) => {
    if (key.endsWith('/a')) rmSync(join(data, 'z'))
  }
  expect((await save()).files).toBeGreaterThan(0)
})

test('bytes that the base has are not uploaded', async () => {
  const base = await storeVersion(store, prefix, 2, { a: 'one', b: 'two' })
  await plant(data, { a: 'one', b: 'too' })
  expect(await save(120_000, { base })).toMatchObject({ files: 2, uploaded: 3 })
  expect(uploads()).toEqual(['b'])
})

test('when the volume is lost, what the last checkpoint saved can be committed', async () => {
  await plant(data, { a: 'one', 'd/run': { executable: '#!/bin/sh' } })
  await save()
  rmSync(join(data, 'a'))
  const { root, files } = await commit({ checkpoint: true })
  expect(files).toBe(2)
  expect(await collect(readVersion(store, prefix, root))).toMatchObject([
    { p: 'a', s: 3 },
    { p: 'd/run', x: 1 },
  ])
})

test('a checkpoint that did not come to its end leaves the one before whole, with what it had written down', async () => {
  await plant(data, { a: 'one', b: 'two', c: 'three' })
  await save()
  for (const name of ['a', 'b', 'new']) writeFileSync(join(data, name), `${name} changed`)
  store.beforeWrite = (key) => {
    if (key.endsWith('/new') || key === checkpointKey(prefix, 3)) throw new Error('the node is gone')
  }
  await expect(save()).rejects.toThrow('the node is gone')
  store.beforeWrite = () => {}
  const { root } = await commit({ checkpoint: true })
  expect(await paths(root)).toEqual(['a', 'b', 'c'])
  expect(store.objects.get(`${prefix}data/v3/a`)?.toString()).toBe('a changed')
})

test('objects that were being replaced when the writer was lost are named, and nothing is committed', async () => {
  await plant(data, { a: 'one', b: 'two' })
  await save()
  store.objects.set(`${prefix}data/v3/a`, Buffer.from('half'))
  await expect(commit({ checkpoint: true })).rejects.toMatchObject({ reason: 'Corrupt', names: ['a'] })
  expect(store.objects.has(`${prefix}versions/v3.json`)).toBe(false)
})

test('without a checkpoint there is nothing to commit, and after the commit nothing to save', async () => {
  await expect(commit({ checkpoint: true })).rejects.toMatchObject({ reason: 'Corrupt' })
  await plant(data, { a: 'one' })
  await commit()
  expect(await save()).toMatchObject({ files: 0, uploaded: 0 })
})
