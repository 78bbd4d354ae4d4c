import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { emptyBucket, getObject, listKeys, putObject } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import { Claim, Dataset, DatasetVersion } from '../../src/api/kinds.ts'
import { claim, dataset, openWorld, type World } from './world.ts'

/** One team's data used by another: by an alias, by verbs, and written back to where it came from. Each test goes on where the last one ended. */
describe('data of two teams', () => {
  let owner: World
  let reader: World

  const granary = async (line: string) => (await owner.granary(line)).out
  const team = (value: string) =>
    owner.kubectl(['label', '--overwrite', 'namespace', reader.namespace, `granary-e2e-team${value}`])
  const byAlias = (name: string, annotations: Record<string, string> = {}) =>
    claim(reader.namespace, name, { dataset: 'ours', annotations })

  beforeAll(async () => {
    ;[owner, reader] = await Promise.all([openWorld('owner'), openWorld('reader')])
    // The readers have no key and no bucket of their own.
    await reader.kubectl(['-n', reader.namespace, 'delete', 'secret/bucket-keys', 'sprov/bucket', '--wait=false'])
    await team(`=${owner.namespace}`)
    await putObject(owner.s3, owner.bucket, 'raw/a.txt', 'alpha')
    await putObject(owner.s3, owner.bucket, 'raw/b.txt', 'beta')
    await owner.create(
      dataset(owner.namespace, 'raw', {
        source: { provider: 'bucket', prefix: 'raw/' },
        writeBack: { toSource: true },
        allowedNamespaces: { selector: { matchLabels: { 'granary-e2e-team': owner.namespace } }, maxFills: 1 },
      }),
      dataset(owner.namespace, 'model', {}),
    )
    await reader.create(
      dataset(reader.namespace, 'ours', { source: { dataset: { namespace: owner.namespace, name: 'raw' } } }),
    )
    await owner.expectPhase('raw-v1', 'Committed')
  })
  afterAll(async () => {
    await Promise.all([owner?.close(), reader?.close()])
  })

  test('an alias is read in another namespace, which never holds a key or a mover', async () => {
    await reader.expectCondition(Dataset, 'ours', 'Ready', 'True', 'Ready')
    await reader.create(byAlias('data'))
    const { log } = await reader.runJob('read', {
      script: 'cat /data/a.txt /data/b.txt; echo x 2>/dev/null > /data/x && echo WRITTEN; true',
      volumes: { data: 'data:ro' },
    })
    expect(log).toBe('alphabeta')
    const { annotations } = await reader.expectBound('data').then(({ metadata }) => metadata)
    expect(JSON.parse(annotations?.['granary.dev/resolved'] ?? '')).toMatchObject({
      namespace: owner.namespace,
      dataset: 'raw',
      version: 'v1',
    })
    const left = await reader.kubectl(['-n', reader.namespace, 'get', 'secrets,jobs', '-o', 'name'])
    expect(left.split('\n').filter((name) => /secret|granary-populate/.test(name))).toEqual([])
  })

  test('the permission that is taken back stops the next claim, and given again lets it go on', async () => {
    await team('-')
    await reader.expectCondition(Dataset, 'ours', 'Ready', 'False', 'AccessDenied')
    const immediate = { 'granary.dev/bind': 'Immediate' }
    await reader.create(byAlias('late', immediate), byAlias('later', immediate))
    const waiting = await reader.expectObject(Claim, 'late', ({ metadata }) =>
      (metadata.annotations?.['granary.dev/waiting'] ?? '').startsWith('AccessDenied: '),
    )
    expect(waiting.spec.volumeName).toBeUndefined()
    await team(`=${owner.namespace}`)
    await Promise.all(['late', 'later'].map((name) => reader.expectBound(name)))
    // One volume is filled for others at once: one of the two waited for that.
    await until('the event that one had to wait', async () => {
      const told = await Promise.all(['late', 'later'].map((name) => reader.events(name)))
      return told.flat().some((event) => event.startsWith('FillsLimited: '))
    })
  })

  test('what a Job makes of it is written back to the source, and the next look finds nothing new', async () => {
    await owner.create(
      claim(owner.namespace, 'edit', { dataset: 'raw', annotations: { 'granary.dev/access': 'ReadWrite' } }),
    )
    // Somebody else was faster: what is there is not overwritten.
    await putObject(owner.s3, owner.bucket, 'raw/c.txt', 'theirs')
    await owner.runJob('edit', {
      script: 'printf ALPHA > /work/a.txt && printf gamma > /work/c.txt && rm /work/b.txt',
      volumes: { work: 'edit' },
    })
    await owner.expectPhase('raw-v2', 'Committed')
    const conflict = await owner.expectCondition(DatasetVersion, 'raw-v2', 'Mirrored', 'False', 'DestinationChanged')
    expect(conflict.message).toContain('c.txt')
    expect(Buffer.from(await getObject(owner.s3, owner.bucket, 'raw/a.txt')).toString()).toBe('alpha')
    await emptyBucket(owner.s3, owner.bucket, 'raw/c.txt')
    await owner.expectCondition(DatasetVersion, 'raw-v2', 'Mirrored', 'True')
    // Nothing is deleted there without prune.
    expect(await listKeys(owner.s3, owner.bucket, 'raw/')).toEqual(['raw/a.txt', 'raw/b.txt', 'raw/c.txt'])
    expect(Buffer.from(await getObject(owner.s3, owner.bucket, 'raw/a.txt')).toString()).toBe('ALPHA')
    expect(await granary('sync raw --wait')).toBe('The source has not changed: v2.')
    const versions = await owner.list(DatasetVersion, owner.namespace)
    expect(versions.map(({ metadata }) => metadata.name).sort()).toEqual(['raw-v1', 'raw-v2'])
    // From a laptop that has no key of the bucket.
    const difference = await owner.granary('diff raw:v1 raw:v2', { keys: false })
    expect(difference.err).toContain('a pod in the cluster reads it instead')
    const [changed, added, removed] = difference.out.split('\n')
    expect([changed, added, removed]).toEqual(['~ a.txt  (5 B, other bytes)', '- b.txt  (4 B)', '+ c.txt  (5 B)'])
  })

  test('lineage goes over two hops, and a tag is set and moved back by a verb', async () => {
    await owner.create(
      claim(owner.namespace, 'in', { dataset: 'raw', annotations: { 'granary.dev/version': 'v2' } }),
      claim(owner.namespace, 'out', { dataset: 'model', annotations: { 'granary.dev/access': 'ReadWrite' } }),
    )
    await owner.runJob('train', {
      script: 'cat /in/a.txt > /out/weights',
      volumes: { in: 'in:ro', out: 'out' },
    })
    await owner.expectPhase('model-v1', 'Committed')
    const graph = JSON.parse(await granary('lineage model -o json'))
    const ns = owner.namespace
    const from = `sync of s3://${owner.bucket}/raw/`
    expect(graph).toMatchObject({
      version: { ref: `${ns}/model:v1`, producedBy: 'Job train' },
      up: [{ ref: `${ns}/raw:v2`, as: 'input', related: [{ ref: `${ns}/raw:v1`, as: 'base', producedBy: from }] }],
    })
    expect(await granary('lineage raw:v1')).toContain(`${ns}/model:v1`)
    expect(await granary('tag set raw prod v2 --wait')).toBe('prod is v2')
    expect(await granary('tag set raw prod v1 --wait')).toBe('prod is v1 (was v2)')
    expect(await granary('files cat raw:prod a.txt')).toBe('alpha')
    expect(await granary('tag history raw prod')).toMatch(/prod +v2 +v1 .*\nprod +- +v2 /)
  })
})
