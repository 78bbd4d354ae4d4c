import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { otherCluster } from '../../scripts/cluster/environment.ts'
import { makeBucket, putObject } from '../../scripts/lib/objects.ts'
import { Claim, Dataset, DatasetVersion, Pod } from '../../src/api/kinds.ts'
import type { KubeObject } from '../../src/api/meta.ts'
import { watchMovers } from './processes.ts'
import { claim, dataset, job, openWorld, provider, secret, type World } from './world.ts'

/** Wrong input gets a clear sentence, early, and heals when it is mended. */
describe('bad input', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('input')
  })
  afterAll(async () => {
    await world?.close()
  })

  test.each([
    ['two sources', { source: { provider: 'bucket', s3: { bucket: 'abc' }, prefix: 'x/' } }, /exactly one/],
    ['a prefix without a final slash', { source: { provider: 'bucket', prefix: 'raw' } }, /end.* (in|with)? ?.*\//],
    ['a tag named latest', { tags: { latest: 'v1' } }, /latest/],
    ['a tag named v3', { tags: { v3: 'v1' } }, /v3|number/],
    ['an unknown ref', { tags: { prod: 'NOT A REF' } }, /ref|tag|version/],
  ])('%s is refused by the API server with a sentence', async (_, spec, sentence) => {
    await expect(world.create(dataset(world.namespace, 'refused', spec))).rejects.toThrow(sentence)
  })

  test('an empty prefix is SourceEmpty, never an empty version', async () => {
    await world.create(dataset(world.namespace, 'empty', { source: { provider: 'bucket', prefix: 'nothing/' } }))
    const condition = await world.expectCondition(Dataset, 'empty', 'SourceReachable', 'False', 'SourceEmpty')
    expect(condition.message).toContain('nothing/')
    await putObject(world.s3, world.bucket, 'nothing/now.txt', 'something')
    await world.expectPhase('empty-v1', 'Committed')
    await world.expectCondition(Dataset, 'empty', 'SourceReachable', 'True')
  })

  test('a bucket that does not exist heals when it is made; wrong keys when they are mended; no secret anywhere', async () => {
    const processes = watchMovers()
    const missing = `${world.namespace}-later`
    await world.create(
      {
        ...provider(world, world.namespace, missing, { default: false }),
        metadata: { name: 'later', namespace: world.namespace },
      },
      dataset(world.namespace, 'later', { source: { provider: 'later', prefix: 'raw/' } }),
      {
        apiVersion: 'v1',
        kind: 'Secret',
        metadata: { name: 'wrong', namespace: world.namespace },
        stringData: { AWS_ACCESS_KEY_ID: 'nobody-known', AWS_SECRET_ACCESS_KEY: 'very-secret-value-1' },
      },
      {
        ...provider(world, world.namespace, world.bucket, { default: false, credentials: { secretName: 'wrong' } }),
        metadata: { name: 'denied', namespace: world.namespace },
      },
      dataset(world.namespace, 'denied', { source: { provider: 'denied', prefix: 'nothing/' } }),
    )
    await world.expectCondition(Dataset, 'later', 'SourceReachable', 'False', 'SourceNotFound')
    const denied = await world.expectCondition(Dataset, 'denied', 'SourceReachable', 'False', 'CredentialsDenied')
    expect(denied.message).not.toMatch(/very-secret|Signature/)
    await makeBucket(world.s3, missing, false)
    await putObject(world.s3, missing, 'raw/a', 'a')
    await world.create({ ...secret(world, world.namespace, 'wrong') })
    await world.expectPhase('later-v1', 'Committed')
    await world.expectPhase('denied-v1', 'Committed')
    const everything = await world.kubectl([
      '-n',
      world.namespace,
      'get',
      'dset,dsv,sprov,jobs,pods,events,pvc',
      '-o',
      'yaml',
    ])
    const pods = await world.list(Pod, world.namespace, 'granary.dev/role=mover')
    const logOf = ({ metadata }: KubeObject) =>
      world.kubectl(['-n', world.namespace, 'logs', metadata.name]).catch(() => '')
    const operator = ['-n', 'granary-system', 'logs', '-l', 'app.kubernetes.io/name=granary', '--tail=-1']
    const logs = await Promise.all([world.kubectl(operator), ...pods.map(logOf)])
    const { movers, text } = await processes.stop()
    if (!otherCluster()) expect(movers).toBeGreaterThan(0)
    expect(logs[0]).not.toBe('')
    for (const secret of ['very-secret-value-1', world.env.AWS_SECRET_ACCESS_KEY ?? ''])
      for (const output of [everything, text, ...logs]) expect(output.includes(secret)).toBe(false)
  })

  test('a volume too small for the data is said before a byte moves', async () => {
    await putObject(world.s3, world.bucket, 'big/data.bin', new Uint8Array(24 * 1024 ** 2))
    await world.create(dataset(world.namespace, 'big', { source: { provider: 'bucket', prefix: 'big/' } }))
    await world.expectPhase('big-v1', 'Committed')
    await world.create(
      claim(world.namespace, 'small', {
        dataset: 'big',
        size: '16Mi',
        annotations: { 'granary.dev/bind': 'Immediate' },
      }),
    )
    const waiting = await world.expectObject(Claim, 'small', (it) =>
      (it.metadata.annotations?.['granary.dev/waiting'] ?? '').startsWith('InsufficientSpace'),
    )
    expect(waiting.status?.phase).toBe('Pending')
  })

  test('an empty output of a Job that succeeded is EmptyOutput, unless allowed', async () => {
    await world.create(
      dataset(world.namespace, 'outputs', {}),
      claim(world.namespace, 'void', { dataset: 'outputs', annotations: { 'granary.dev/access': 'ReadWrite' } }),
      job(world.namespace, 'void', { script: 'true', volumes: { out: 'void' } }),
    )
    const failed = await world.expectObject(DatasetVersion, 'outputs-v1', (it) =>
      (it.status?.conditions ?? []).some((condition) => condition.reason === 'EmptyOutput'),
    )
    expect(failed.status?.phase).not.toBe('Committed')
    await world.create(
      dataset(world.namespace, 'empties', { outputs: { allowEmpty: true } }),
      claim(world.namespace, 'none', { dataset: 'empties', annotations: { 'granary.dev/access': 'ReadWrite' } }),
      job(world.namespace, 'none', { script: 'true', volumes: { out: 'none' } }),
    )
    const committed = await world.expectPhase('empties-v1', 'Committed')
    expect(committed.status).toMatchObject({ files: 0, bytes: 0 })
  })

  test.each([
    ['uid 0', { uid: 0, root: true, script: 'echo root > /out/f' }, 'Committed'],
    [
      'uid 1000 with umask 077',
      { uid: 1000, script: 'umask 077 && mkdir /out/d && echo private > /out/d/f' },
      'Committed',
    ],
    ['a pod with fsGroup', { uid: 1000, fsGroup: 2000, script: 'umask 007 && echo group > /out/f' }, 'Committed'],
    ['uid 0 with umask 077', { uid: 0, root: true, script: 'umask 077 && echo root > /out/secret' }, 'UnreadableFiles'],
  ])('output written by %s', async (name, options, end) => {
    const id = name.replace(/[^a-z0-9]+/g, '-')
    await world.create(
      dataset(world.namespace, id, {}),
      claim(world.namespace, id, { dataset: id, annotations: { 'granary.dev/access': 'ReadWrite' } }),
      job(world.namespace, id, { volumes: { out: id }, ...options }),
    )
    if (end === 'Committed') {
      const version = await world.expectPhase(`${id}-v1`, 'Committed')
      expect(version.status?.files).toBe(1)
    } else {
      const version = await world.expectObject(DatasetVersion, `${id}-v1`, (it) =>
        (it.status?.conditions ?? []).some((condition) => condition.reason === end),
      )
      const condition = version.status?.conditions?.find((it) => it.reason === end)
      expect(condition?.message).toContain('secret')
      expect(condition?.message).toMatch(/privileged-movers/)
    }
  })

  test('a quota that refuses the mover is shown with the API server’s own message', async () => {
    const strict = await openWorld('quota')
    try {
      await strict.create({
        apiVersion: 'v1',
        kind: 'ResourceQuota',
        metadata: { name: 'none', namespace: strict.namespace },
        spec: { hard: { pods: '0' } },
      })
      await putObject(strict.s3, strict.bucket, 'raw/a', 'a')
      await strict.create(dataset(strict.namespace, 'held', { source: { provider: 'bucket', prefix: 'raw/' } }))
      const condition = await strict.expectCondition(Dataset, 'held', 'SourceReachable', 'False', 'QuotaExceeded')
      expect(condition.message).toContain('exceeded quota')
      await strict.kubectl(['-n', strict.namespace, 'delete', 'resourcequota', 'none'])
      await strict.expectPhase('held-v1', 'Committed', 400)
    } finally {
      await strict.close()
    }
  }, 600_000)
})
