import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { DoneOf, SpecOf } from '../../../src/mover/deps.ts'
import { runImport } from '../../../src/mover/import.ts'
import { mirror } from '../../../src/mover/mirror.ts'
import { runScan } from '../../../src/mover/scan.ts'
import type { ObjectStore } from '../../../src/stores/object-store.ts'
import { readVersion } from '../../../src/transfer/read-version.ts'
import { type Moving, pattern, readAll, startMoving } from '../../helpers/move.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { storeVersion } from '../../helpers/stored-version.ts'

const MiB = 1024 * 1024
const prefix = 'granary/ns/set/'

describe('written back to the source, on a real server', () => {
  let server: S3Server
  let moving: Moving
  let store: ObjectStore

  beforeAll(async () => {
    server = await startS3Server()
    moving = await startMoving(server)
    await server.createBucket('store')
    await server.createBucket('plain')
    await server.createBucket('versioned', { versioned: true })
    store = await moving.open(moving.location('store'))
  })
  afterAll(async () => {
    await moving?.stop()
    await server?.stop()
  })

  const source = (bucket: string) => moving.location(bucket, 'raw/')
  const importNow = (bucket: string, sequence: number, mode: 'Copy' | 'Reference', parent?: DoneOf<'Import'>) =>
    runImport(moving.deps(), {
      op: 'Import',
      dataset: { namespace: 'ns', name: 'set', uid: 'uid-1' },
      store: moving.location('store', `${bucket}/${prefix}`),
      source: source(bucket),
      mode,
      intent: { sequence, createdAt: `2026-01-01T00:00:0${sequence}Z` },
      ...(parent && { parent: { sequence: parent.sequence!, root: parent.root, digest: parent.digest } }),
    })
  const fingerprint = async (bucket: string) => {
    const dataset = { namespace: 'ns', name: 'set', uid: 'uid-1' }
    const { items } = await runScan(moving.deps(), { op: 'Scan', items: [{ dataset, source: source(bucket) }] })
    return (items[0] as { fingerprint: string }).fingerprint
  }
  const writeBack = (
    bucket: string,
    version: SpecOf<'Mirror'>['version'],
    first: DoneOf<'Import'>,
    referred: boolean,
  ) =>
    mirror(moving.deps(), {
      op: 'Mirror',
      store: moving.location('store', `${bucket}/${prefix}`),
      source: source(bucket),
      version,
      destination: source(bucket),
      prune: false,
      onConflict: 'Fail',
      ownSource: { imported: { sequence: 1, root: first.root, digest: first.digest }, referred },
    })

  test.each([
    ['plain', 'Copy', false],
    ['versioned', 'Reference', true],
  ] as const)(
    '%s bucket, %s: the next look finds what was written, big files too, and the first version stays',
    async (bucket, mode, referred) => {
      const at = await moving.open(moving.location(bucket))
      await at.put('raw/a', Buffer.from('alpha'))
      await at.put('raw/left', Buffer.from('left'))
      await at.put('raw/same', Buffer.from('same'))
      const first = await importNow(bucket, 1, mode)
      expect(first).toMatchObject({ outcome: 'Committed', mode })
      const big = pattern(17 * MiB)
      const second = await storeVersion(store, `${bucket}/${prefix}`, 2, { a: 'ALPHA', big, same: 'same' })
      const done = await writeBack(bucket, second, first, referred)
      expect(done).toMatchObject({ written: 2, removed: 0 })
      expect(done.fingerprint).toBe(await fingerprint(bucket))
      expect(done.fingerprint).not.toBe(first.fingerprint)
      expect((await readAll(at, 'raw/big')).equals(big)).toBe(true)
      // A second time: nothing to do, and known all the same.
      expect(await writeBack(bucket, second, first, referred)).toMatchObject({
        written: 0,
        fingerprint: done.fingerprint,
      })
      // What was imported reads back, though its object was replaced.
      for await (const entry of readVersion(store, `${bucket}/${prefix}`, first.root)) {
        if (entry.p !== 'a') continue
        const bytes = entry.u
          ? await readAll(at, entry.u.k, { version: entry.u.v! })
          : await readAll(store, `${bucket}/${prefix}data/v1/a`)
        expect(bytes.toString()).toBe('alpha')
      }
    },
  )

  test('objects of a bucket that keeps no versions are not replaced under versions that point at them', async () => {
    await server.createBucket('weak')
    const at = await moving.open(moving.location('weak'))
    await at.put('raw/a', Buffer.from('alpha'))
    const first = await importNow('weak', 1, 'Reference')
    const second = await storeVersion(store, `weak/${prefix}`, 2, { a: 'ALPHA' })
    await expect(writeBack('weak', second, first, true)).rejects.toMatchObject({ reason: 'WriteBackWouldOverwrite' })
    expect((await readAll(at, 'raw/a')).toString()).toBe('alpha')
  })
})
