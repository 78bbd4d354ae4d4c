import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { getObject, listKeys, putObject } from '../../scripts/lib/objects.ts'
import { Claim, Dataset, DatasetVersion, Pod } from '../../src/api/kinds.ts'
import { claim, dataset, openWorld, pod, type Seen, type World } from './world.ts'

interface Tombstone {
  version: string
  stored?: boolean
}

describe('versions that can be trusted', () => {
  let world: World
  const below = (path: string) => `granary/${world.namespace}/digits/${path}`
  const keys = (path: string) => listKeys(world.s3, world.bucket, below(path))
  const annotate = (kind: string, name: string, key: string, value: string) =>
    world.kubectl(['-n', world.namespace, 'annotate', '--overwrite', kind, name, `granary.dev/${key}=${value}`])
  const tombstones = (object: Seen) => (object.status?.tombstones ?? []) as Tombstone[]
  const change = async (text: string, version: string) => {
    await putObject(world.s3, world.bucket, 'raw/b.txt', text)
    await annotate('dset', 'digits', 'sync-requested-at', `for ${version}`)
    await world.expectPhase(version, 'Committed')
  }

  beforeAll(async () => {
    world = await openWorld('versions')
    for (const name of ['a', 'b']) await putObject(world.s3, world.bucket, `raw/${name}.txt`, name)
    await world.create(
      dataset(world.namespace, 'digits', {
        source: { provider: 'bucket', prefix: 'raw/' },
        import: 'Copy',
        retention: { deletedGrace: '20s' },
        deletionPolicy: 'Delete',
      }),
    )
    await world.expectPhase('digits-v1', 'Committed')
  })
  afterAll(() => world?.close())

  test('a bit that was flipped in the bucket is found by verify, by name; no tag moves to it and no claim is filled with it', async () => {
    expect((await world.granary('tag set digits prod v1 --wait')).out).toBe('prod is v1')
    await putObject(world.s3, world.bucket, below('data/v1/a.txt'), 'e')
    // The listing does not show it.
    expect(await world.granary('verify digits:v1 --fast --wait')).toMatchObject({ code: 0 })
    const verified = await world.granary('verify digits:v1 --wait')
    expect([verified.code, verified.out]).toEqual([8, expect.stringContaining('a.txt')])
    await world.expectCondition(DatasetVersion, 'digits-v1', 'Degraded', 'True', 'Corrupt')
    await world.granary('tag set digits next v1')
    await world.create(
      claim(world.namespace, 'refused', {
        dataset: 'digits',
        annotations: { 'granary.dev/bind': 'Immediate', 'granary.dev/version': 'v1' },
      }),
    )
    const missing = await world.expectCondition(Dataset, 'digits', 'Ready', 'False', 'TagTargetMissing')
    expect(missing.message).toContain('next: v1 (its bytes are damaged)')
    // What pointed at it stays: a roll-back is a person's decision.
    expect((await world.granary('tag list digits')).out).toMatch(/^TAG .*\nprod +v1 /)
    const refused = await world.expectObject(Claim, 'refused', ({ metadata }) =>
      (metadata.annotations?.['granary.dev/waiting'] ?? '').startsWith('Corrupt: '),
    )
    expect(refused.metadata.annotations?.['granary.dev/waiting']).toContain('a.txt')
    expect(refused.status?.phase).toBe('Pending')
    await world.kubectl(['-n', world.namespace, 'delete', 'pvc', 'refused', '--wait=false'])
    // The spec has changed, so the source was looked at: the same content once more, and all of its bytes.
    const anew = await world.expectPhase('digits-v2', 'Committed')
    expect(anew.status?.digest).toBe((await world.seen(DatasetVersion, 'digits-v1'))?.status?.digest)
    expect(await keys('data/v2/')).toEqual([below('data/v2/a.txt'), below('data/v2/b.txt')])
  })

  test('it is mended when the object is, and verified again', async () => {
    await putObject(world.s3, world.bucket, below('data/v1/a.txt'), 'a')
    expect(await world.granary('verify digits:v1 --wait')).toMatchObject({ code: 0 })
    await world.expectCondition(DatasetVersion, 'digits-v1', 'Ready', 'True')
    expect((await world.granary('tag rm digits next')).code).toBe(0)
    expect((await world.granary('tag rm digits prod --wait')).out).toBe('prod is removed')
    await world.expectCondition(Dataset, 'digits', 'Ready', 'True')
  })

  test('so is one that was flipped on a volume; that says nothing about the store', async () => {
    await world.create(
      claim(world.namespace, 'in', { dataset: 'digits', annotations: { 'granary.dev/version': 'v1' } }),
    )
    // As the one whose files they are.
    const spoil = { script: 'chmod u+w /in/b.txt && printf x > /in/b.txt', volumes: { in: 'in' }, uid: 65532 }
    expect(await world.runJob('spoil', spoil)).toMatchObject({ succeeded: true })
    const verified = await world.granary('verify digits:v1 --claim in --wait')
    expect([verified.code, verified.out]).toEqual([8, expect.stringContaining('b.txt')])
    await world.expectCondition(DatasetVersion, 'digits-v1', 'Degraded', 'True', 'VolumeDamaged')
    await world.expectCondition(DatasetVersion, 'digits-v1', 'Ready', 'True')
  })

  test('deleting a version in use is blocked with the names of the pods; when they have ended it goes', async () => {
    await change('b of v3', 'digits-v3')
    await world.create(
      pod(world.namespace, 'reader', { script: 'cat /in/b.txt; sleep 3600', volumes: { in: 'in:ro' } }),
    )
    await world.expectObject(Pod, 'reader', (it) => it.status?.phase === 'Running')
    await world.kubectl(['-n', world.namespace, 'delete', 'dsv', 'digits-v1', '--wait=false'])
    const blocked = await world.expectCondition(DatasetVersion, 'digits-v1', 'DeletionBlocked', 'True')
    expect(blocked.message).toContain('pod reader')
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'reader', '--wait=false'])
    await world.kubectl(['-n', world.namespace, 'delete', 'pvc', 'in', '--wait=false'])
    await world.expectGone(DatasetVersion, 'digits-v1')
  })

  test('it can be restored within its grace', async () => {
    await world.expectObject(Dataset, 'digits', (it) => tombstones(it).some(({ version }) => version === 'v1'))
    expect(await world.granary('restore digits:v1 --wait')).toMatchObject({
      code: 0,
      out: 'digits:v1 is back: 2 files, 2 B.',
    })
    await world.expectObject(Dataset, 'digits', (it) => tombstones(it).length === 0)
  })

  test('retention lets old versions go: what others refer to stays, the rest goes when the grace is over', async () => {
    await change('b of v4', 'digits-v4')
    await world.kubectl([
      '-n',
      world.namespace,
      'patch',
      'dset',
      'digits',
      '--type=merge',
      '-p',
      '{"spec":{"retention":{"keepLast":1}}}',
    ])
    await world.expectGone(DatasetVersion, 'digits-v1')
    await world.expectGone(DatasetVersion, 'digits-v2')
    await world.expectGone(DatasetVersion, 'digits-v3')
    await world.expectObject(Dataset, 'digits', (it) => it.status?.versions === 1 && tombstones(it).length === 0)
    expect(await keys('versions/')).toEqual([below('versions/v4.json')])
    expect(await keys('data/')).toEqual([below('data/v2/a.txt'), below('data/v4/b.txt')])
    const [read, swept] = await Promise.all([readLatest(), world.granary('gc digits --dry-run', { keys: false })])
    expect(read.log).toBe('ab of v4')
    expect([swept.code, swept.out]).toEqual([0, 'Nothing would go now.'])
    expect(swept.err).toContain('a pod in the cluster reads it instead')
  })

  const readLatest = async () => {
    await world.create(claim(world.namespace, 'latest', { dataset: 'digits' }))
    return world.runJob('read', { script: 'cat /in/a.txt /in/b.txt', volumes: { in: 'latest:ro' } })
  }

  test('a Dataset with deletionPolicy: Delete takes its bytes along, and nothing else', async () => {
    await world.kubectl(['-n', world.namespace, 'delete', 'dset', 'digits', '--wait=false'])
    await world.expectGone(Dataset, 'digits')
    expect(await keys('')).toEqual([])
    expect(Buffer.from(await getObject(world.s3, world.bucket, 'raw/a.txt')).toString()).toBe('a')
  })
})
