import { expect, test } from 'vitest'
import type { Entry } from '../../src/manifest/types.ts'
import { materialize } from '../../src/mover/materialize.ts'
import { verify } from '../../src/mover/verify.ts'
import { readVersion } from '../../src/transfer/read-version.ts'
import { collect } from '../helpers/memory-sink.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { storeVersion } from '../helpers/stored-version.ts'

const prefix = 'granary/vision/mnist/'
const dataset = { namespace: 'vision', name: 'mnist', uid: 'uid-1' }

test('has the same digest, and needs neither the source nor another version', async () => {
  const store = memoryStore()
  const source = memoryStore('memory://source')
  const { etag = '' } = await source.put('raw/ext', Buffer.from('external'))
  const place = (entry: Entry): Entry => {
    if (entry.p === 'ext') return { ...entry, u: { b: 'source', k: 'raw/ext', e: etag } }
    return entry.p === 'old' ? { ...entry, o: 1 } : entry
  }
  const files = { ext: 'external', link: { link: 'own' }, old: 'of v1', own: 'own', run: { executable: 'x' } }
  const version = await storeVersion(store, prefix, 2, files, place)
  const { deps } = moveDeps({ store, source }, '/nowhere')
  const spec = {
    op: 'Materialize' as const,
    dataset,
    store: at('store', prefix),
    source: at('source', 'raw/'),
    version,
    intent: { sequence: 3, createdAt: '2026-01-01T00:00:00Z' },
  }
  await store.put(`${prefix}data/v3/left-over`, Buffer.from('x'))
  const done = await materialize(deps, spec)
  expect(done).toMatchObject({ outcome: 'Committed', sequence: 3, digest: version.digest, files: 5 })
  expect((await collect(readVersion(store, prefix, done.root))).filter(({ o, u }) => o !== undefined || u)).toEqual([])
  expect(store.objects.has(`${prefix}data/v3/left-over`)).toBe(false)
  source.objects.clear()
  for (const key of [...store.objects.keys()]) if (/data\/v[12]\//.test(key)) store.objects.delete(key)
  const look = { op: 'Verify' as const, store: at('store', prefix), what: 'Store' as const, depth: 'Full' as const }
  expect(await verify(deps, { ...look, version: { ...done } })).toMatchObject({ outcome: 'Sound', files: 4 })
  expect(await materialize(deps, spec)).toEqual(done)
})

test('bytes that are not what the manifest says make no version', async () => {
  const store = memoryStore()
  const version = await storeVersion(store, prefix, 2, { a: 'one', b: 'two' })
  store.objects.set(`${prefix}data/v2/b`, Buffer.from('TWO'))
  const { deps } = moveDeps({ store }, '/nowhere')
  const intent = { sequence: 3, createdAt: '2026-01-01T00:00:00Z' }
  const spec = { op: 'Materialize' as const, dataset, store: at('store', prefix), version, intent }
  await expect(materialize(deps, spec)).rejects.toMatchObject({ reason: 'Corrupt', names: ['b'] })
  expect(store.objects.has(`${prefix}versions/v3.json`)).toBe(false)
})
