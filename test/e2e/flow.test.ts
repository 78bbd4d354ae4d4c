import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { getObject, listKeys, putObject, sha256 } from '../../scripts/lib/objects.ts'
import { Claim, Dataset, DatasetVersion, Pod } from '../../src/api/kinds.ts'
import { claim, dataset, openWorld, pod, type Seen, type World } from './world.ts'

/** Issue's flow a to e, one story: each test goes on where the last one ended. */
describe('the life of data', () => {
  let world: World
  const files = { 'a.txt': 'alpha', 'dir/b.txt': 'beta', 'dir/empty': '', 'ünï code.txt': 'gamma' }

  beforeAll(async () => {
    world = await openWorld('flow')
    for (const [path, text] of Object.entries(files)) await putObject(world.s3, world.bucket, `raw/${path}`, text)
  })
  afterAll(async () => {
    await world?.close()
  })

  test('a source becomes version v1, committed with digest and counts', async () => {
    await world.create(
      dataset(world.namespace, 'photos', {
        source: { provider: 'bucket', prefix: 'raw/' },
        volume: { storageClassName: 'fast' },
      }),
    )
    const v1 = await world.expectPhase('photos-v1', 'Committed')
    expect(v1.status).toMatchObject({ version: 'v1', sequence: 1, files: 4, bytes: 14 })
    expect(v1.status?.digest).toMatch(/^(sha256:)?[0-9a-f]{64}$/)
    const found = await world.expectObject(Dataset, 'photos', (it) => {
      const latest = it.status?.latest as { version?: string } | undefined
      return latest?.version === 'v1'
    })
    expect(found.status?.latest).toMatchObject({ version: 'v1', files: 4, bytes: 14 })
    await world.expectCondition(Dataset, 'photos', 'Ready', 'True')
    const record = await getObject(world.s3, world.bucket, `granary/${world.namespace}/photos/versions/v1.json`)
    expect(JSON.parse(Buffer.from(record).toString())).toMatchObject({
      ...{ layout: 1, sequence: 1, files: 4, bytes: 14 },
      producer: { kind: 'Sync', source: `s3://${world.bucket}/raw/`, listing: expect.any(String) },
    })
  })

  test('spec.volume keeps the claim ready before any pod exists', async () => {
    await world.expectBound('photos-v1')
    const pods = await world.list<Seen>(Pod, world.namespace)
    expect(pods.filter((it) => it.metadata.labels?.['granary.dev/role'] !== 'mover')).toEqual([])
    await world.expectObject(
      Claim,
      'photos-v1',
      (it) => !(it.metadata.finalizers ?? []).includes('granary.dev/populate'),
    )
  })

  test('a claim with a dataSourceRef is populated and mounted read-only, byte for byte', async () => {
    await world.create(claim(world.namespace, 'reader', { dataset: 'photos' }))
    const { succeeded, log } = await world.runJob('read', {
      script:
        'cd /data && find . -type f | grep -v lost+found | sort | while read -r f; do sha256sum "$f"; done; echo x > /data/x 2>/dev/null && echo WRITTEN; true',
      volumes: { data: 'reader:ro' },
    })
    expect(succeeded).toBe(true)
    for (const [path, text] of Object.entries(files)) expect(log).toContain(`${sha256(text)}  ./${path}`)
    expect(log).not.toContain('WRITTEN')
    const bound = await world.expectBound('reader')
    expect(bound.metadata.annotations?.['granary.dev/resolved']).toContain('v1')
    await world.expectObject(Claim, 'reader', (it) => !(it.metadata.finalizers ?? []).includes('granary.dev/populate'))
  })

  test('what a Job writes becomes a version when it has succeeded, and takes the place of what lay where it is written back', async () => {
    await putObject(world.s3, world.bucket, 'published/stale.txt', 'of another time')
    await world.create(
      dataset(world.namespace, 'labels', {
        volume: { storageClassName: 'fast' },
        writeBack: { provider: 'bucket', prefix: 'published/', onConflict: 'Overwrite', prune: true },
      }),
      claim(world.namespace, 'labels-out', {
        dataset: 'labels',
        annotations: {
          'granary.dev/access': 'ReadWrite',
          'granary.dev/version': 'none',
          'granary.dev/message': 'first labels',
        },
      }),
    )
    const { succeeded } = await world.runJob('label', {
      script:
        'cp /photos/a.txt /out/a.txt && mkdir /out/sub && echo labelled > /out/sub/b.txt && chmod 755 /out/sub/b.txt',
      volumes: { photos: 'photos-v1:ro', out: 'labels-out' },
    })
    expect(succeeded).toBe(true)
    const v1 = await world.expectPhase('labels-v1', 'Committed')
    expect(v1.status).toMatchObject({ version: 'v1', files: 2, bytes: 14 })
    expect(v1.status?.producedBy).toMatchObject({ kind: 'Job', name: 'label' })
    expect(JSON.stringify(v1.status?.inputs)).toContain('photos')
    const prefix = `granary/${world.namespace}/labels/data/v1/`
    expect(await listKeys(world.s3, world.bucket, prefix)).toEqual([`${prefix}a.txt`, `${prefix}sub/b.txt`])
    expect(Buffer.from(await getObject(world.s3, world.bucket, `${prefix}sub/b.txt`)).toString()).toBe('labelled\n')
    await world.expectCondition(DatasetVersion, 'labels-v1', 'Mirrored', 'True')
    expect(await listKeys(world.s3, world.bucket, 'published/')).toEqual(['published/a.txt', 'published/sub/b.txt'])
  })

  test('a third Job reads that version by its number', async () => {
    await world.create(
      claim(world.namespace, 'labels-in', { dataset: 'labels', annotations: { 'granary.dev/version': 'v1' } }),
    )
    const { succeeded, log } = await world.runJob('use', {
      script: 'cat /labels/sub/b.txt && test -x /labels/sub/b.txt && cat /kept/a.txt',
      volumes: { labels: 'labels-in:ro', kept: 'labels-v1:ro' },
    })
    expect(log).toBe('labelled\nalpha')
    expect(succeeded).toBe(true)
  })

  test('the source changes, a sync is requested: v2 appears, v1 reads the same bytes', async () => {
    await putObject(world.s3, world.bucket, 'raw/a.txt', 'changed')
    await world.kubectl([
      ...['-n', world.namespace, 'annotate', 'dset', 'photos'],
      `granary.dev/sync-requested-at=${new Date().toISOString()}`,
    ])
    const v2 = await world.expectPhase('photos-v2', 'Committed')
    expect(v2.status).toMatchObject({ version: 'v2', files: 4, bytes: 16 })
    await world.expectBound('photos-v2')
    const { log } = await world.runJob('compare', {
      script: 'cat /old/a.txt; echo; cat /new/a.txt',
      volumes: { old: 'photos-v1:ro', new: 'photos-v2:ro' },
    })
    expect(log).toBe('alpha\nchanged')
  })

  test('a sync that finds the same content makes no version', async () => {
    await world.kubectl([
      ...['-n', world.namespace, 'annotate', '--overwrite', 'dset', 'photos'],
      'granary.dev/sync-requested-at=again',
    ])
    await world.expectObject(Dataset, 'photos', (it) => it.status?.lastHandledSyncRequest === 'again')
    const versions = await world.list(DatasetVersion, world.namespace)
    expect(
      versions
        .map((it) => it.metadata.name)
        .filter((name) => name.startsWith('photos-'))
        .sort(),
    ).toEqual(['photos-v1', 'photos-v2'])
  })

  test('a bare pod filled by hand and deleted makes a version; mounted again, the claim opens the next', async () => {
    await world.create(
      claim(world.namespace, 'hand', { dataset: 'labels', annotations: { 'granary.dev/access': 'ReadWrite' } }),
      pod(world.namespace, 'hand', { script: 'sleep 3600', volumes: { work: 'hand' } }),
    )
    await world.expectObject(Pod, 'hand', (it) => it.status?.phase === 'Running')
    await world.kubectl(['-n', world.namespace, 'exec', 'hand', '--', 'sh', '-c', 'echo by hand > /work/hand.txt'])
    await world.expectPhase('labels-v2', 'Running')
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'hand'])
    const v2 = await world.expectPhase('labels-v2', 'Committed')
    expect(v2.status).toMatchObject({ version: 'v2', files: 3 })
    await world.create(pod(world.namespace, 'again', { script: 'rm /work/a.txt', volumes: { work: 'hand' } }))
    await world.expectObject(Pod, 'again', (it) => it.status?.phase === 'Succeeded')
    await world.expectObject(DatasetVersion, 'labels-v3', (it) => it.status?.firstUsedAt !== undefined)
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'again'])
    const v3 = await world.expectPhase('labels-v3', 'Committed')
    expect(await listKeys(world.s3, world.bucket, `granary/${world.namespace}/labels/data/v3/`)).toEqual([])
    expect(v3.status).toMatchObject({ version: 'v3', files: 2, parent: 2 })
  })
})
