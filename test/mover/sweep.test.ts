import { beforeEach, describe, expect, test } from 'vitest'
import { dataPrefix, layoutKey, tagKey } from '../../src/manifest/keys.ts'
import { runAdopt } from '../../src/mover/adopt.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'
import { dataset, hour, prefix, storeWorld } from '../transfer/store-world.ts'

describe('a sweep', () => {
  let scene: ReturnType<typeof storeWorld>
  const put = (path: string, text: string) => scene.source.put(`raw/${path}`, Buffer.from(text))
  const keys = (start: string) =>
    [...scene.store.objects.keys()]
      .filter((key) => key.startsWith(`${prefix}${start}`))
      .map((key) => key.slice(prefix.length))
      .sort()
  const sweep = (more: Partial<Parameters<typeof scene.sweepWith>[1]> = {}) =>
    scene.sweepWith(scene.store, { next: 9, ...more })

  /** v1 has a, b, c; v2 changes b; v3 changes c. */
  beforeEach(async () => {
    scene = storeWorld()
    for (const path of ['a', 'b', 'c']) await put(path, path)
    await scene.importAs(scene.store, 1)
    await put('b', 'b of v2')
    await scene.importAs(scene.store, 2, 1)
    await put('c', 'c of v3')
    await scene.importAs(scene.store, 3, 2)
  })

  test('with nothing to do changes nothing', async () => {
    const before = new Map(scene.store.objects)
    expect(await sweep()).toMatchObject({ objects: 0, purged: [], more: false })
    expect(scene.store.objects).toEqual(before)
  })

  test('lets a version go after its grace: what others refer to stays, the rest goes, and in the end all of it', async () => {
    const until = scene.world.now + 24 * hour
    expect(await sweep({ tombstones: [{ sequence: 1, until }] })).toMatchObject({ tombstoned: 1, objects: 0 })
    expect(await sweep({ tombstones: [{ sequence: 1, until }] })).toMatchObject({
      tombstoned: 0,
      tombstones: [{ n: 1 }],
    })
    scene.world.now = until - 1
    expect((await sweep()).purged).toEqual([])
    scene.world.now = until
    expect((await sweep()).purged).toEqual([1])
    expect(keys('versions/')).toEqual(['versions/v2.json', 'versions/v3.json'])
    expect(keys('data/v1/')).toEqual(['data/v1/a', 'data/v1/c'])
    await scene.expectSound()
    // What the last import recorded of its source is of use to the next one.
    const ofVersions = [...scene.store.objects.keys()].filter((key) => !key.startsWith(`${prefix}sources/`))
    expect(ofVersions.sort()).toEqual(await scene.neededKeys())
    scene.world.now += hour
    await sweep({ tombstones: [{ sequence: 2, until: scene.world.now }] })
    expect((await sweep()).purged).toEqual([2])
    expect(keys('data/')).toEqual(['data/v1/a', 'data/v2/b', 'data/v3/c'])
    await sweep({ tombstones: [{ sequence: 3, until: scene.world.now }] })
    scene.world.now += 2 * hour
    await sweep()
    expect([...scene.store.objects.keys()]).toEqual([layoutKey(prefix)])
  })

  test('restores a version whose grace is not over, and says of another that it is gone', async () => {
    const until = scene.world.now + 24 * hour
    await sweep({ tombstones: [{ sequence: 2, until }] })
    const back = await sweep({ restore: [2, 7] })
    expect(back).toMatchObject({ restored: [{ n: 2, files: 3, parent: 1 }], gone: [7], tombstones: [] })
    scene.world.now = until + 1
    await sweep()
    expect(keys('versions/')).toHaveLength(3)
    await scene.expectSound()
  })

  test('removes what never committed, but gives it time, and a commit that comes late is refused', async () => {
    await scene.store.put(`${dataPrefix(prefix, 4)}half`, Buffer.from('x'))
    await scene.store.put(`${prefix}uploads/v4/000001/00000000.ndjson.gz`, Buffer.from('x'))
    await scene.store.put(`${prefix}uploads/v5/000001/00000000.ndjson.gz`, Buffer.from('x'))
    await scene.store.put(`${dataPrefix(prefix, 6)}open`, Buffer.from('x'))
    await scene.store.put(`${dataPrefix(prefix, 9)}next`, Buffer.from('x'))
    await sweep({ open: [6] })
    expect(scene.tombstones().map(({ sequence, reason }) => [sequence, reason])).toEqual([
      [4, 'Abandoned'],
      [5, 'Abandoned'],
    ])
    await expect(scene.importAs(scene.store, 5, 3)).resolves.toMatchObject({ outcome: 'Unchanged' })
    await put('a', 'changed')
    await expect(scene.importAs(scene.store, 4, 3)).rejects.toMatchObject({ reason: 'CommitConflict' })
    scene.world.now += hour
    await sweep({ open: [6] })
    expect(keys('data/v4/')).toEqual([])
    expect(keys('uploads/')).toEqual([])
    expect([...keys('data/v6/'), ...keys('data/v9/')]).toEqual(['data/v6/open', 'data/v9/next'])
    expect(scene.tombstones()).toEqual([])
  })

  test('a version that refers to one that is going is not committed, unless that stays for long enough', async () => {
    await put('a', 'changed')
    await sweep({ tombstones: [{ sequence: 3, until: scene.world.now + 60_000 }] })
    await expect(scene.importAs(scene.store, 4, 3)).rejects.toMatchObject({ reason: 'BaseGone' })
    await expect(scene.importAs(scene.store, 4, 2)).resolves.toMatchObject({ outcome: 'Committed' })
  })

  test('stops at its limit and goes on the next time', async () => {
    await sweep({ tombstones: [1, 2, 3].map((sequence) => ({ sequence, until: scene.world.now })) })
    scene.world.now += 2 * hour
    const counts: number[] = []
    for (let more = true; more; ) {
      const done = await sweep({ limit: 2 })
      counts.push(done.objects)
      more = done.more
    }
    expect(Math.max(...counts)).toBe(2)
    expect([...scene.store.objects.keys()]).toEqual([layoutKey(prefix)])
  })

  test('in a dry run says what would go, and changes nothing', async () => {
    await sweep({ tombstones: [{ sequence: 1, until: scene.world.now }] })
    const before = new Map(scene.store.objects)
    const dry = await sweep({ dryRun: true, tombstones: [{ sequence: 2, until: scene.world.now }] })
    expect(scene.store.objects).toEqual(before)
    const real = await sweep()
    expect(dry).toMatchObject({ tombstoned: 1, purged: [1], objects: real.objects, bytes: real.bytes })
    expect(real.objects).toBeGreaterThan(0)
  })

  test('leaves everything when a manifest of a living version can not be read', async () => {
    await sweep({ tombstones: [{ sequence: 1, until: scene.world.now }] })
    const [root = ''] = keys('roots/').filter((key) => key.includes(scene.records().at(-1)?.root ?? '-'))
    scene.store.objects.set(`${prefix}${root}`, Buffer.from('{}'))
    const before = keys('data/')
    await expect(sweep()).rejects.toThrow()
    expect(keys('data/')).toEqual(before)
  })

  test("does not touch another Dataset's directory, nor anything but a Dataset's", async () => {
    await expect(
      scene.sweepWith(scene.store, { next: 9, everything: true, dataset: { ...dataset, uid: 'other' } } as never),
    ).rejects.toMatchObject({ reason: 'AdoptionRequired' })
    await expect(
      scene.sweepWith(scene.store, { next: 9, everything: true, store: at('store', 'granary/') } as never),
    ).rejects.toMatchObject({ reason: 'InvalidSpec' })
  })

  test('removes everything when the Dataset goes with its bytes, and nothing beside it', async () => {
    await scene.store.put('granary/vision/mnist2/x', Buffer.from('x'))
    expect(await sweep({ everything: true, dryRun: true })).toMatchObject({ more: false })
    expect(keys('versions/')).toHaveLength(3)
    for (let more = true; more; ) ({ more } = await sweep({ everything: true, limit: 3 }))
    expect([...scene.store.objects.keys()]).toEqual(['granary/vision/mnist2/x'])
    expect(await sweep({ everything: true })).toMatchObject({ objects: 0, more: false })
  })

  test('mirrors the tags; an adoption gives versions, tags and the highest number, none that is going', async () => {
    await sweep({ tags: { prod: 1, old: 2, candidate: 2 } })
    await sweep({ tags: { prod: 3, candidate: 2 }, tombstones: [{ sequence: 1, until: scene.world.now + hour }] })
    expect(keys('tags/')).toEqual(['tags/candidate.json', 'tags/prod.json'])
    expect(String(scene.store.objects.get(tagKey(prefix, 'prod')))).toContain('"sequence":3')
    await scene.store.put(`${dataPrefix(prefix, 6)}open`, Buffer.from('x'))
    const { deps } = moveDeps({ store: scene.store }, '/nowhere')
    const again = { ...dataset, uid: 'again', adopt: true }
    const found = await runAdopt(deps, { op: 'Adopt', dataset: again, store: at('store', prefix) })
    expect(found.versions.map(({ n, tags }) => [n, tags])).toEqual([
      [3, ['prod']],
      [2, ['candidate']],
    ])
    expect(found).toMatchObject({ highest: 6, more: false })
  })
})
