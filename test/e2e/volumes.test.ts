import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodes } from '../../scripts/cluster/nodes.ts'
import { statePaths } from '../../scripts/cluster/paths.ts'
import { emptyBucket, putObject } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import { Claim, DatasetVersion, Pod, Volume, VolumeSnapshot } from '../../src/api/kinds.ts'
import { onlyNodeOf } from '../../src/desired/reach.ts'
import { strategyOf } from '../../src/desired/strategy.ts'
import type { Volume as VolumeObject } from '../../src/desired/volumes.ts'
import { claim, dataset, openWorld, pod, type Seen, type World } from './world.ts'

const immediate = { 'granary.dev/bind': 'Immediate' }
const modelFiles = { 'weights.bin': 'w'.repeat(5000), 'deep/inner/a.txt': 'inner', 'run.sh': 'true' }

/** Volumes on two nodes: what of a version can be used where, and what becomes of a volume whose bytes are not right. */
describe('volumes of versions on two nodes', () => {
  let world: World
  const bound = (name: string) => world.expectBound(name)
  const annotate = (kind: string, name: string, key: string, value: string) =>
    world.kubectl(['-n', world.namespace, 'annotate', '--overwrite', kind, name, `granary.dev/${key}=${value}`])
  const volumeOf = async (name: string) => {
    const { spec } = await bound(name)
    const volume = await world.get<VolumeObject>(Volume, undefined, String(spec.volumeName))
    if (volume === undefined) throw new Error(`claim ${name} has no volume`)
    return volume
  }
  /** Turns one bit of a file's content where the driver keeps it, behind everybody's back. */
  const flip = async (file: string, content: string) => {
    const bytes = await readFile(file)
    const at = bytes.indexOf(content)
    expect(at).toBeGreaterThan(0)
    bytes[at]! ^= 1
    await writeFile(file, bytes)
  }
  /** A Job that writes a version of `name` as this user. */
  const train = async (name: string, uid: number) => {
    await world.create(
      dataset(world.namespace, name, { volume: { storageClassName: 'anywhere', accessModes: ['ReadOnlyMany'] } }),
      claim(world.namespace, `${name}-out`, { dataset: name, annotations: { 'granary.dev/access': 'ReadWrite' } }),
    )
    const script = [
      `cd /out && mkdir -p deep/inner && printf inner > deep/inner/a.txt && chmod ${uid === 0 ? 755 : 700} deep`,
      'head -c 5000 /dev/zero | tr "\\0" w > weights.bin && printf true > run.sh && chmod 755 run.sh',
    ].join(' && ')
    const { succeeded } = await world.runJob(`${name}-train`, {
      script,
      volumes: { out: `${name}-out` },
      ...(uid === 0 ? { uid, root: true } : { uid, fsGroup: uid }),
    })
    expect(succeeded).toBe(true)
    await world.expectPhase(`${name}-v1`, 'Committed')
  }

  beforeAll(async () => {
    world = await openWorld('volumes')
    await putObject(world.s3, world.bucket, 'raw/a.txt', 'alpha in version one')
    await putObject(world.s3, world.bucket, 'raw/dir/b.txt', 'beta')
    await world.create(dataset(world.namespace, 'photos', { source: { provider: 'bucket', prefix: 'raw/' } }))
    await world.expectPhase('photos-v1', 'Committed')
  })
  afterAll(() => world?.close())

  test('a class that all nodes can write to is filled once and shared, and nobody can write to it', async () => {
    await world.create(
      claim(world.namespace, 'team', {
        dataset: 'photos',
        storageClass: 'shared',
        modes: ['ReadWriteMany'],
        annotations: immediate,
      }),
    )
    expect(strategyOf(await bound('team'))).toMatchObject({ used: 'Shared', reach: 'ManyNodes' })
    const described = await world.expectObject(DatasetVersion, 'photos-v1', ({ status }) => status?.reach !== undefined)
    expect(described.status).toMatchObject({ reach: 'ManyNodes', strategy: { used: 'Shared' } })
    const script = '(cat /data/a.txt; echo x > /data/x; true) 2>&1'
    const read = ({ name, suffix }: (typeof nodes)[number]) =>
      world.runJob(`team${suffix}`, { script, volumes: { data: 'team' }, node: name })
    for (const { log } of await Promise.all(nodes.map(read)))
      expect(log).toMatch(/^alpha in version one.*Read-only file system/s)
  })

  test('a pod that may not run where its volume is says SingleNodeOnly; a claim of its own is filled where it runs', async () => {
    await world.create(claim(world.namespace, 'single', { dataset: 'photos', annotations: immediate }))
    const volume = await volumeOf('single')
    expect(strategyOf(await bound('single'))).toMatchObject({ used: 'Copy', reach: 'OneNode' })
    const other = nodes.find(({ name }) => name !== onlyNodeOf(volume))!.name
    await world.create(pod(world.namespace, 'astray', { script: 'true', volumes: { data: 'single:ro' }, node: other }))
    await world.expectObject(Claim, 'single', ({ metadata }) =>
      (metadata.annotations?.['granary.dev/waiting'] ?? '').startsWith('SingleNodeOnly: Pod astray waits'),
    )
    const told = await until('the pod to be told', async () =>
      (await world.events('astray')).find((event) => event.startsWith('SingleNodeOnly')),
    )
    expect(told).toContain('generic ephemeral volume')
    const { spec } = claim(world.namespace, 'template', { dataset: 'photos' }) as Seen
    const own = { ephemeral: { volumeClaimTemplate: { spec } } }
    const { log } = await world.runJob('at-home', { script: 'cat /data/a.txt', volumes: { data: own }, node: other })
    expect(log).toBe('alpha in version one')
  })

  test('a bit that was flipped in a volume is found by verify, by the name of the file', async () => {
    const { spec } = (await volumeOf('team')) as VolumeObject & { spec: { csi?: { volumeHandle?: string } } }
    await flip(join(statePaths.volumes, 'shared', spec.csi?.volumeHandle ?? '', 'a.txt'), 'one')
    await annotate('dsv', 'photos-v1', 'verify-requested-at', '1 claim/team')
    const found = await world.expectCondition(DatasetVersion, 'photos-v1', 'Verified', 'False', 'VolumeDamaged')
    expect(found.message).toContain('a.txt')
  })

  const readModel = async (claimName: string) => {
    const script = `cd /data && for f in ${Object.keys(modelFiles).join(' ')}; do cat $f; done; ls -l run.sh deep/inner/a.txt`
    const { log } = await world.runJob(`${claimName}-read`, { script, volumes: { data: `${claimName}:ro` }, uid: 4242 })
    expect(log.startsWith(Object.values(modelFiles).join(''))).toBe(true)
    expect(log).toMatch(/-r-xr-xr-x .*run\.sh/)
    expect(log).toMatch(/-r--r--r-- .*a\.txt/)
  }

  test('what a Job has written needs no download to be read: its volume is snapshotted', async () => {
    await train('model', 1000)
    expect(strategyOf(await bound('model-v1'))).toMatchObject({ used: 'Snapshot', reach: 'ManyNodes' })
    const snapshot = await world.expectObject(VolumeSnapshot, 'model-v1', ({ status }) => status?.readyToUse === true)
    expect(snapshot.spec.source).toEqual({ persistentVolumeClaimName: 'model-out' })
    // Nothing is left that could be downloaded.
    await emptyBucket(world.s3, world.bucket, `granary/${world.namespace}/model/data/`)
    await world.create(claim(world.namespace, 'model-again', { dataset: 'model', annotations: immediate }))
    expect(strategyOf(await bound('model-again'))).toMatchObject({ used: 'Snapshot' })
    await readModel('model-again')
  })

  test('what root has written may be out of the reach of a mover: then it is read from the store', async () => {
    await train('rooted', 0)
    await bound('rooted-v1')
    await readModel('rooted-v1')
  })

  test('a snapshot whose bytes are not right any more is mended from the store while it is restored', async () => {
    await world.kubectl([
      '-n',
      world.namespace,
      'patch',
      'dset',
      'photos',
      '--type=merge',
      '-p',
      JSON.stringify({
        spec: { volume: { storageClassName: 'anywhere', accessModes: ['ReadOnlyMany'], idleTTL: '1s' } },
      }),
    ])
    await bound('photos-v1')
    const snapshot = await world.expectObject(VolumeSnapshot, 'photos-v1', ({ status }) => status?.readyToUse === true)
    const image = join(statePaths.volumes, 'snapshots', `snapshot-${snapshot.metadata.uid}.img`)
    await flip(image, 'alpha in version one')
    await world.create(claim(world.namespace, 'mended', { dataset: 'photos', annotations: immediate }))
    expect(strategyOf(await bound('mended'))).toMatchObject({ used: 'Snapshot' })
    const { log } = await world.runJob('mended', { script: 'cat /data/a.txt', volumes: { data: 'mended:ro' } })
    expect(log).toBe('alpha in version one')
  })

  test('a version beyond keep loses its claim when that was idle, and gets it again for a pod that names it', async () => {
    const before = (await bound('photos-v1')).metadata.uid
    await putObject(world.s3, world.bucket, 'raw/a.txt', 'alpha in version two')
    await annotate('dset', 'photos', 'sync-requested-at', 'for v2')
    await world.expectPhase('photos-v2', 'Committed')
    await bound('photos-v2')
    await world.expectGone(Claim, 'photos-v1')
    await world.create(pod(world.namespace, 'late', { script: 'cat /data/a.txt', volumes: { data: 'photos-v1:ro' } }))
    await world.expectObject(Pod, 'late', ({ status }) => status?.phase === 'Succeeded')
    expect(await world.kubectl(['-n', world.namespace, 'logs', 'late'])).toBe('alpha in version one')
    expect((await bound('photos-v1')).metadata.uid).not.toBe(before)
  })
})
