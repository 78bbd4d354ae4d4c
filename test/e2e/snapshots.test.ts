import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { firstNode, secondNode } from '../../scripts/cluster/nodes.ts'
import { putObject } from '../../scripts/lib/objects.ts'
import { Claim, DatasetVersion, Pod, VolumeSnapshot } from '../../src/api/kinds.ts'
import { strategyOf } from '../../src/desired/strategy.ts'
import { claim, dataset, openWorld, pod, type Seen, type World } from './world.ts'

/** One story: a snapshot is made, read, lost and made again, and becomes what people write on. */
describe('snapshots of versions', () => {
  let world: World
  const immediate = { 'granary.dev/bind': 'Immediate' }
  const snapshotsOf = (version: Seen) =>
    (version.status?.snapshots ?? []) as { name: string; class: string; ready: boolean }[]
  const strategyWhenBound = async (name: string) => strategyOf(await world.expectBound(name))
  const version = (name: string, spec: object) => ({
    apiVersion: 'granary.dev/v1alpha1',
    kind: 'DatasetVersion',
    metadata: { name, namespace: world.namespace },
    spec: { dataset: 'photos', ...spec },
  })

  beforeAll(async () => {
    world = await openWorld('snapshots')
    await putObject(world.s3, world.bucket, 'raw/a.txt', 'alpha')
    await putObject(world.s3, world.bucket, 'raw/dir/b.txt', 'beta')
    const volume = { storageClassName: 'anywhere', accessModes: ['ReadOnlyMany'], volumeSnapshotClassName: 'fast-snap' }
    await world.create(dataset(world.namespace, 'photos', { source: { provider: 'bucket', prefix: 'raw/' }, volume }))
  })
  afterAll(async () => {
    await world?.close()
  })

  test('the first volume of a version is snapshotted; three pods on two nodes read it at once, and none can write', async () => {
    const kept = await strategyWhenBound('photos-v1')
    expect(kept).toMatchObject({ used: 'Copy', reach: 'ManyNodes' })
    const ready = await world.expectObject(DatasetVersion, 'photos-v1', (it) =>
      snapshotsOf(it).some((one) => one.ready),
    )
    expect(snapshotsOf(ready)).toEqual([{ class: 'fast-snap', name: 'photos-v1', ready: true }])
    expect(ready.status).toMatchObject({ strategy: { used: 'Copy' }, reach: 'ManyNodes' })
    const script = 'cat /data/a.txt; echo x > /data/x; echo x > /data/a.txt; true'
    // One of them says that it may write: the volume itself refuses.
    const read = (volume: string, name: string, node: string) =>
      world.runJob(name, { script: `(${script}) 2>&1`, volumes: { data: volume }, node })
    const readers = [
      read('photos-v1:ro', 'one', firstNode.name),
      read('photos-v1:ro', 'two', secondNode.name),
      read('photos-v1', 'three', secondNode.name),
    ]
    for (const { log } of await Promise.all(readers)) {
      expect(log).toMatch(/^alpha/)
      expect(log.match(/Read-only file system/g)).toHaveLength(2)
    }
  })

  test('the next volume is restored from it; one of a class without snapshots is filled from the store and says why', async () => {
    await world.create(
      claim(world.namespace, 'again', { dataset: 'photos', annotations: immediate }),
      claim(world.namespace, 'plain', { dataset: 'photos', annotations: immediate, storageClass: 'plain' }),
    )
    expect(await strategyWhenBound('again')).toMatchObject({ used: 'Snapshot' })
    const plain = await strategyWhenBound('plain')
    expect(plain?.used).toBe('Copy')
    expect(plain?.reason).toContain('no VolumeSnapshotClass')
  })

  test('a version to write in starts from the snapshot; the volume becomes a version while a notebook goes on', async () => {
    await world.create(version('curated', { base: 'v1', commit: 'Manual' }))
    expect(await strategyWhenBound('curated')).toMatchObject({ used: 'Snapshot' })
    const script = 'cat /work/dir/b.txt > /work/new.txt; sync; sleep 3600'
    await world.create(pod(world.namespace, 'notebook', { script, volumes: { work: 'curated' } }))
    await world.expectObject(Pod, 'notebook', (it) => it.status?.phase === 'Running')
    await world.kubectl([
      '-n',
      world.namespace,
      'exec',
      'notebook',
      '--',
      'sh',
      '-c',
      'until test -s /work/new.txt; do sleep 0.1; done; sync',
    ])
    await world.kubectl([
      ...['-n', world.namespace, 'patch', 'dset', 'photos', '--type=merge'],
      ...['-p', '{"spec":{"tags":{"prod":"v1"}}}'],
    ])
    await world.create(version('taken', { from: { claim: { name: 'curated' } }, tags: ['prod', 'mine'] }))
    const taken = await world.expectPhase('taken', 'Committed')
    expect(taken.status).toMatchObject({ files: 3, bytes: 13, producedBy: { name: 'curated' } })
    expect(taken.status?.inputs).toMatchObject([{ version: 'v1' }])
    // A tag that the Dataset declares is the Dataset's to move.
    const shadowed = await world.expectCondition(DatasetVersion, 'taken', 'TagShadowed', 'True')
    expect(shadowed.message).toContain('says where prod points')
    expect((await world.seen(Pod, 'notebook'))?.status?.phase).toBe('Running')
    await world.expectGone(Claim, `from-${taken.metadata.uid}`)
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'notebook'])
    await world.expectCondition(DatasetVersion, 'curated', 'Committed', 'False', 'AwaitingCommit')
  })

  test('a snapshot is deleted underneath: the next volume is filled in another way, says so, and makes a new one', async () => {
    await world.kubectl(['-n', world.namespace, 'delete', 'volumesnapshot', 'photos-v1'])
    await world.expectObject(DatasetVersion, 'photos-v1', (it) => snapshotsOf(it).every((one) => !one.ready))
    await world.create(
      claim(world.namespace, 'third', {
        dataset: 'photos',
        annotations: { ...immediate, 'granary.dev/version': 'v1' },
      }),
    )
    const third = await strategyWhenBound('third')
    // Its driver clones, and nobody uses the other claims.
    expect(third?.used).toBe('Clone')
    expect(third?.reason).toContain('VolumeSnapshot photos-v1 is gone')
    expect((await world.events('third')).join('\n')).toContain('is gone')
    await world.expectObject(VolumeSnapshot, 'photos-v1', (it) => it.status?.readyToUse === true)
  })
})
