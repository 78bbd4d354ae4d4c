import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { nodes } from '../../scripts/cluster/nodes.ts'
import { statePaths } from '../../scripts/cluster/paths.ts'
import { putObject } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import { Claim, DatasetVersion, Volume } from '../../src/api/kinds.ts'
import { onlyNodeOf } from '../../src/desired/reach.ts'
import { strategyOf } from '../../src/desired/strategy.ts'
import type { Volume as VolumeObject } from '../../src/desired/volumes.ts'
import { claim, dataset, openWorld, pod, type Seen, type World } from './world.ts'

const immediate = { 'granary.dev/bind': 'Immediate' }

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
})
