import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { network } from '../../scripts/cluster/network.ts'
import { getObject, listKeys, putObject } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import { Claim, Dataset, DatasetVersion, Job, Pod, StatefulSet } from '../../src/api/kinds.ts'
import { type FaultyProxy, startFaultyProxy } from '../helpers/faulty-proxy.ts'
import { claim, dataset, job, openWorld, pod, podSpec, provider, type Seen, type World } from './world.ts'

const output = { 'granary.dev/access': 'ReadWrite', 'granary.dev/version': 'none' }
/** Its first run never ends by itself, its second goes on from what the first has left. */
const inTwoRuns = (end: string) =>
  `if [ -e /out/first ]; then echo second > /out/second; ${end}; else echo first > /out/first; sleep 3600; fi`

const expectFile = (world: World, pod: string, path: string) =>
  until(`${path} in pod ${pod}`, () =>
    world.kubectl(['-n', world.namespace, 'exec', pod, '--', 'test', '-e', path]).then(
      () => true,
      () => false,
    ),
  )

const versionsOf = async (world: World, dataset: string): Promise<string[]> => {
  const all = await world.list<Seen>(DatasetVersion, world.namespace)
  return all
    .filter((it) => it.spec.dataset === dataset)
    .map((it) => it.metadata.name)
    .sort()
}

/** A version that was released and taken back says WritersActive instead. */
const expectNeverReleased = async (world: World, version: string): Promise<void> => {
  const { phase, conditions } = (await world.seen(DatasetVersion, version))?.status ?? {}
  const finalized = conditions?.find(({ type }) => type === 'Finalized')
  expect({ phase, reason: finalized?.reason }).toEqual({ phase: 'Running', reason: 'Running' })
}

/** Whoever writes, and however often it is stopped and comes back: one version. And volumes that make none. */
describe('writers', () => {
  let world: World
  let proxy: FaultyProxy
  beforeAll(async () => {
    world = await openWorld('writers')
    proxy = await startFaultyProxy(world.env.AWS_ENDPOINT_URL_S3 ?? '', { host: network.host })
    const s3 = { bucket: world.bucket, endpoint: proxy.endpoint, region: world.env.AWS_REGION }
    const slow = provider(world, world.namespace, world.bucket, { s3, default: false })
    await putObject(world.s3, world.bucket, 'raw/a.txt', 'alpha')
    await putObject(world.s3, world.bucket, 'raw/dir/b.txt', 'beta')
    await world.create(
      { ...slow, metadata: { name: 'slow', namespace: world.namespace } },
      dataset(world.namespace, 'photos', { source: { provider: 'bucket', prefix: 'raw/' } }),
    )
  })
  afterAll(async () => {
    try {
      await world?.close()
    } finally {
      await proxy?.stop()
    }
  })

  test.each([
    ['file', /\/data\/v1\/file$/],
    ['record', /\/versions\/v1\.json$/],
  ])(
    'mounted again while the %s is on its way to the store: nothing is committed before that pod has ended',
    async (what, key) => {
      const name = `held-${what}`
      const arrived = Promise.withResolvers<void>()
      proxy.plan({ match: { method: 'PUT', key }, fault: { kind: 'before', run: () => arrived.promise } })
      await world.create(
        dataset(world.namespace, name, { store: { provider: 'slow' } }),
        claim(world.namespace, name, { dataset: name, annotations: output }),
        job(world.namespace, name, { script: 'echo one > /out/file', volumes: { out: name } }),
      )
      const prefix = `granary/${world.namespace}/${name}/`
      try {
        await until('the mover to write it', async () => proxy.log.some(({ fault }) => fault === 'before'), {
          explain: async () => JSON.stringify((await world.seen(DatasetVersion, `${name}-v1`))?.status),
        })
        await world.expectPhase(`${name}-v1`, 'Finalizing')
        await world.create(
          pod(world.namespace, name, {
            script: 'echo longer than before > /out/file; echo two > /out/two; touch /tmp/written; sleep 3600',
            volumes: { out: name },
          }),
        )
        const { metadata } = await world.expectPhase(`${name}-v1`, 'Running')
        await world.expectCondition(DatasetVersion, `${name}-v1`, 'Finalized', 'False', 'WritersActive')
        const jobs = await world.list<Seen>(Job, world.namespace, 'granary.dev/role=mover')
        expect(jobs.filter((it) => it.metadata.name.includes(metadata.uid ?? ''))).toEqual([])
      } finally {
        arrived.resolve()
        proxy.plan()
      }
      await expectFile(world, name, '/tmp/written')
      expect(await listKeys(world.s3, world.bucket, `${prefix}versions/`)).toEqual([])
      await world.kubectl(['-n', world.namespace, 'delete', 'pod', name])
      // The lost attempt might have committed: nothing of it is replaced for two minutes.
      const committed = await world.expectPhase(`${name}-v1`, 'Committed', 300)
      expect(committed.status).toMatchObject({ files: 2, bytes: 23, producedBy: { kind: 'Pod', name } })
      const stored = await getObject(world.s3, world.bucket, `${prefix}data/v1/file`)
      expect(Buffer.from(stored).toString()).toBe('longer than before\n')
      expect(await listKeys(world.s3, world.bucket, `${prefix}data/`)).toEqual([
        `${prefix}data/v1/file`,
        `${prefix}data/v1/two`,
      ])
      expect(await versionsOf(world, name)).toEqual([`${name}-v1`])
    },
  )

  test.concurrent('a StatefulSet is released when it is scaled to 0, not by a rollout', async () => {
    const { metadata, spec } = claim(world.namespace, 'out', { dataset: 'stateful', annotations: output }) as Seen
    await world.create(dataset(world.namespace, 'stateful', {}), {
      apiVersion: 'apps/v1',
      kind: 'StatefulSet',
      metadata: { name: 'stateful', namespace: world.namespace },
      spec: {
        replicas: 1,
        serviceName: 'stateful',
        selector: { matchLabels: { app: 'stateful' } },
        template: {
          metadata: { labels: { app: 'stateful' } },
          spec: {
            ...podSpec({ script: inTwoRuns('sleep 3600'), volumes: { out: 'of-the-template' } }),
            restartPolicy: 'Always',
            volumes: [],
          },
        },
        volumeClaimTemplates: [{ metadata: { name: 'out', annotations: metadata.annotations }, spec }],
      },
    })
    await world.expectObject(StatefulSet, 'stateful', (it) => it.status?.readyReplicas === 1)
    await expectFile(world, 'stateful-0', '/out/first')
    await world.expectObject(DatasetVersion, 'stateful-v1', (it) => it.status?.users !== undefined)
    await world.kubectl(['-n', world.namespace, 'rollout', 'restart', 'statefulset/stateful'])
    await world.kubectl(['-n', world.namespace, 'rollout', 'status', 'statefulset/stateful', '--timeout=120s'])
    await expectFile(world, 'stateful-0', '/out/second')
    await expectNeverReleased(world, 'stateful-v1')
    await world.kubectl(['-n', world.namespace, 'scale', 'statefulset/stateful', '--replicas=0'])
    const committed = await world.expectPhase('stateful-v1', 'Committed')
    expect(committed.status?.files).toBe(2)
    expect(committed.status?.users).toMatchObject([{ kind: 'StatefulSet', name: 'stateful', outcome: 'Succeeded' }])
    expect(await versionsOf(world, 'stateful')).toEqual(['stateful-v1'])
  })

  test.concurrent('a checkpoint saves what is written beside its writer; the commit brings the rest', async () => {
    await world.create(
      dataset(world.namespace, 'saved', {}),
      claim(world.namespace, 'saved', { dataset: 'saved', annotations: output }),
      pod(world.namespace, 'saved', { script: 'echo one > /out/one; sleep 3600', volumes: { out: 'saved' } }),
    )
    await expectFile(world, 'saved', '/out/one')
    await world.expectObject(DatasetVersion, 'saved-v1', (it) => it.status?.firstUsedAt !== undefined)
    const request = 'granary.dev/checkpoint-requested-at=now'
    await world.kubectl(['-n', world.namespace, 'annotate', 'dsv', 'saved-v1', request])
    const { message } = await world.expectCondition(DatasetVersion, 'saved-v1', 'Checkpointed', 'True')
    expect(message).toContain('Saved 1 files')
    const data = `granary/${world.namespace}/saved/data/v1/`
    expect(await listKeys(world.s3, world.bucket, data)).toEqual([`${data}one`])
    await expectNeverReleased(world, 'saved-v1')
    await world.kubectl(['-n', world.namespace, 'exec', 'saved', '--', 'sh', '-c', 'echo two > /out/two'])
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'saved'])
    const committed = await world.expectPhase('saved-v1', 'Committed')
    expect(committed.status).toMatchObject({ files: 2, bytes: 8 })
    expect(await listKeys(world.s3, world.bucket, data)).toEqual([`${data}one`, `${data}two`])
  })

  test.concurrent('pod security that refuses a mover is said with the words of the API server, and heals', async () => {
    const strict = await openWorld('strict', { labels: { 'pod-security.kubernetes.io/enforce': 'restricted' } })
    try {
      await putObject(strict.s3, strict.bucket, 'raw/a.txt', 'alpha')
      const source = { provider: 'bucket', prefix: 'raw/' }
      const mover = { securityContext: { seLinuxOptions: { type: 'spc_t' } } }
      await strict.create(
        dataset(strict.namespace, 'refused', { source, mover }),
        dataset(strict.namespace, 'plain', { source }),
      )
      const said = await strict.expectCondition(Dataset, 'refused', 'SourceReachable', 'False', 'PodRefused')
      expect(said.message).toMatch(/violates PodSecurity "restricted:latest": seLinuxOptions/)
      await strict.expectCondition(Dataset, 'refused', 'Ready', 'False', 'PodRefused')
      // What the policy allows goes on beside it.
      await strict.expectPhase('plain-v1', 'Committed')
      await strict.kubectl(['label', 'namespace', strict.namespace, 'pod-security.kubernetes.io/enforce-'])
      // The Job controller tries again after pauses of its own.
      await strict.expectPhase('refused-v1', 'Committed', 300)
    } finally {
      await strict.close()
    }
  })

  test.concurrent('a Job whose pod is evicted, as by a drain of its node, starts another one and makes one version', async () => {
    await world.create(
      dataset(world.namespace, 'evicted', {}),
      claim(world.namespace, 'evicted', { dataset: 'evicted', annotations: output }),
      job(world.namespace, 'evicted', {
        script: inTwoRuns('until [ -e /tmp/end ]; do sleep 1; done'),
        volumes: { out: 'evicted' },
        backoffLimit: 3,
      }),
    )
    const podOtherThan = (other?: string) =>
      until('a pod of the Job', async () => {
        const pods = await world.list<Seen>(Pod, world.namespace, 'batch.kubernetes.io/job-name=evicted')
        return pods.map((it) => it.metadata.name).find((name) => name !== other)
      })
    const first = await podOtherThan()
    await expectFile(world, first, '/out/first')
    const eviction = {
      apiVersion: 'policy/v1',
      kind: 'Eviction',
      metadata: { name: first, namespace: world.namespace },
    }
    const path = `/api/v1/namespaces/${world.namespace}/pods/${first}/eviction`
    await world.kubectl(['create', '--raw', path, '-f', '-'], JSON.stringify(eviction))
    const second = await podOtherThan(first)
    await expectFile(world, second, '/out/second')
    await expectNeverReleased(world, 'evicted-v1')
    await world.kubectl(['-n', world.namespace, 'exec', second, '--', 'touch', '/tmp/end'])
    const committed = await world.expectPhase('evicted-v1', 'Committed')
    expect(committed.status?.files).toBe(2)
    expect(committed.status?.users).toMatchObject([{ kind: 'Job', name: 'evicted', outcome: 'Succeeded' }])
    expect((await world.seen(Job, 'evicted'))?.status).toMatchObject({ failed: 1, succeeded: 1 })
    expect(await versionsOf(world, 'evicted')).toEqual(['evicted-v1'])
  })

  test('a generic ephemeral volume is filled for its pod, and goes with it', async () => {
    const { spec } = claim(world.namespace, 'template', { dataset: 'photos' }) as Seen
    const { succeeded, log } = await world.runJob('ephemeral', {
      script: 'cat /data/a.txt /data/dir/b.txt',
      volumes: { data: { ephemeral: { volumeClaimTemplate: { spec } } } },
    })
    expect(log).toBe('alphabeta')
    expect(succeeded).toBe(true)
    const [own] = await world.list<Seen>(Pod, world.namespace, 'batch.kubernetes.io/job-name=ephemeral')
    const name = `${own?.metadata.name}-data`
    expect((await world.seen(Claim, name))?.metadata.annotations?.['granary.dev/resolved']).toContain('v1')
    await world.kubectl(['-n', world.namespace, 'delete', 'job', 'ephemeral'])
    await world.expectGone(Claim, name)
  })

  test('a Private claim is a writable copy of which no version is made', async () => {
    await world.create(
      claim(world.namespace, 'scratch', { dataset: 'photos', annotations: { 'granary.dev/access': 'Private' } }),
    )
    const { succeeded, log } = await world.runJob('scratch', {
      script: 'echo " changed" >> /data/a.txt && rm /data/dir/b.txt && echo new > /data/dir/c.txt && cat /data/a.txt',
      volumes: { data: 'scratch' },
    })
    expect(log).toBe('alpha changed\n')
    expect(succeeded).toBe(true)
    expect(await versionsOf(world, 'photos')).toEqual(['photos-v1'])
  })

  test('a person’s own DatasetVersion gets a claim to write in, and is committed when that was done', async () => {
    // That this one is v2 tells that the claims before it have made none.
    await world.create({
      apiVersion: 'granary.dev/v1alpha1',
      kind: 'DatasetVersion',
      metadata: { name: 'cleaned', namespace: world.namespace },
      spec: {
        dataset: 'photos',
        message: 'added what was missing',
        base: 'latest',
        volume: { storageClassName: 'fast', size: '64Mi' },
      },
    })
    await world.expectPhase('cleaned', 'Running')
    await world.expectBound('cleaned')
    await world.create(
      pod(world.namespace, 'clean', {
        script: 'tr a-z A-Z < /work/a.txt > /work/upper.txt && echo more > /work/dir/c.txt',
        volumes: { work: 'cleaned' },
      }),
    )
    const committed = await world.expectPhase('cleaned', 'Committed')
    expect(committed.spec.message).toBe('added what was missing')
    expect(committed.status).toMatchObject({ version: 'v2', sequence: 2, parent: 1, files: 4, bytes: 19 })
    const prefix = `granary/${world.namespace}/photos/`
    const record = JSON.parse(
      Buffer.from(await getObject(world.s3, world.bucket, `${prefix}versions/v2.json`)).toString(),
    )
    expect(record).toMatchObject({ sequence: 2, files: 4, message: 'added what was missing' })
    expect(await listKeys(world.s3, world.bucket, `${prefix}data/v2/`)).toEqual([
      `${prefix}data/v2/dir/c.txt`,
      `${prefix}data/v2/upper.txt`,
    ])
    await world.expectObject(Dataset, 'photos', (it) => {
      const latest = it.status?.latest as { version?: string; name?: string } | undefined
      return latest?.version === 'v2' && latest.name === 'cleaned'
    })
    expect(await versionsOf(world, 'photos')).toEqual(['cleaned', 'photos-v1'])
    // Kubernetes itself keeps a claim that is deleted as long as there is a pod, ended or not.
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'clean'])
    await world.expectGone(Claim, 'cleaned')
    await world.create(claim(world.namespace, 'reader', { version: 'cleaned' }))
    const { log } = await world.runJob('read', {
      script: 'cd /data && cat a.txt upper.txt dir/b.txt dir/c.txt',
      volumes: { data: 'reader:ro' },
    })
    expect(log).toBe('alphaALPHAbetamore\n')
  })
})
