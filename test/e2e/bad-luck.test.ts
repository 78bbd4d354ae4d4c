import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listKeys, putObject } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import { Claim, Dataset, DatasetVersion, Job, Pod } from '../../src/api/kinds.ts'
import { claim, dataset, job, openWorld, pod, type Seen, type World } from './world.ts'

const output = { 'granary.dev/access': 'ReadWrite', 'granary.dev/version': 'none' }

/** Jobs that retry, fail or are deleted; claims and pods that go too early; two users of one claim. */
describe('bad luck with writers', () => {
  let world: World
  beforeAll(async () => {
    world = await openWorld('luck')
    await world.create(dataset(world.namespace, 'out', {}))
  })
  afterAll(async () => {
    await world?.close()
  })
  const open = (name: string) => world.create(claim(world.namespace, name, { dataset: 'out', annotations: output }))
  /** The version that a claim opened last. */
  const versionOf = async (name: string): Promise<string> => {
    const found = await world.expectObject(
      Claim,
      name,
      (it) => it.metadata.annotations?.['granary.dev/open-version'] !== undefined,
    )
    return found.metadata.annotations?.['granary.dev/open-version'] ?? ''
  }

  test('a Job that retries its pod makes one version, committed after the last', async () => {
    await open('retry')
    const script = 'if [ -e /out/first ]; then echo second > /out/second; else echo first > /out/first; exit 1; fi'
    await world.create(job(world.namespace, 'retry', { script, volumes: { out: 'retry' }, backoffLimit: 3 }))
    const version = await versionOf('retry')
    const committed = await world.expectPhase(version, 'Committed')
    expect(committed.status?.files).toBe(2)
    const versions = await world.list<Seen>(DatasetVersion, world.namespace)
    expect(versions.filter((it) => it.metadata.name.startsWith('out-'))).toHaveLength(1)
  })

  test('a Job that fails: Uncommitted, its bytes kept, never latest; a person commits it', async () => {
    await open('fails')
    await world.create(
      dataset(world.namespace, 'brief', { retention: { uncommittedTTL: '1s' } }),
      claim(world.namespace, 'brief', { dataset: 'brief', annotations: output }),
      job(world.namespace, 'brief', { script: 'echo half > /out/half; exit 1', volumes: { out: 'brief' } }),
      job(world.namespace, 'fails', { script: 'echo half > /out/half; exit 1', volumes: { out: 'fails' } }),
    )
    const version = await versionOf('fails')
    await world.expectPhase(version, 'Uncommitted')
    const found = await world.seen(Dataset, 'out')
    expect((found?.status?.latest as { name?: string } | undefined)?.name).not.toBe(version)
    await world.kubectl([
      '-n',
      world.namespace,
      'patch',
      'dsv',
      version,
      '--type=merge',
      '-p',
      '{"spec":{"committed":true}}',
    ])
    const committed = await world.expectPhase(version, 'Committed')
    expect(committed.status?.files).toBe(1)
    // Nobody commits the other one: it goes when its Dataset says, and not without a word before.
    await world.expectPhase('brief-v1', 'Expired')
    await until('the event that announced it', async () =>
      (await world.events('brief-v1')).some((event) => event.startsWith('ExpiresSoon: ')),
    )
  })

  test('a Job deleted while it runs: Uncommitted; a person sees and abandons it by name', async () => {
    await open('stopped')
    await world.create(
      job(world.namespace, 'stopped', { script: 'echo some > /out/some; sleep 3600', volumes: { out: 'stopped' } }),
    )
    const version = await versionOf('stopped')
    await world.expectPhase(version, 'Running')
    await world.expectObject(DatasetVersion, version, (it) => it.status?.firstUsedAt !== undefined)
    await world.kubectl(['-n', world.namespace, 'delete', 'job', 'stopped'])
    await world.expectPhase(version, 'Uncommitted')
    expect((await world.granary('versions out')).out).toMatch(/ Uncommitted /)
    const dropped = await world.granary(`abandon ${version} --wait`)
    expect([dropped.code, dropped.out]).toEqual([0, `What was written to ${version} is dropped.`])
  })

  test('output claim deleted after the writer has succeeded: committed before anything goes', async () => {
    await open('gone')
    const { succeeded } = await world.runJob('gone', { script: 'echo kept > /out/kept', volumes: { out: 'gone' } })
    expect(succeeded).toBe(true)
    await world.kubectl(['-n', world.namespace, 'delete', 'job', 'gone', '--wait=false'])
    await world.kubectl(['-n', world.namespace, 'delete', 'pvc', 'gone', '--wait=false'])
    const all = await world.list<Seen>(DatasetVersion, world.namespace)
    const version = all.find((it) => it.metadata.annotations?.['granary.dev/claim'] === 'gone')?.metadata.name ?? ''
    const committed = await world.expectPhase(version, 'Committed')
    expect(committed.status?.files).toBe(1)
    await world.expectGone(Claim, 'gone')
  })

  test('a pod that mounts the claim again: the next version, based on the last', async () => {
    await open('turns')
    await world.runJob('first-turn', { script: 'echo one > /out/one', volumes: { out: 'turns' } })
    const first = await versionOf('turns')
    const one = await world.expectPhase(first, 'Committed')
    await world.runJob('second-turn', { script: 'echo two > /out/two', volumes: { out: 'turns' } })
    await world.expectObject(Claim, 'turns', (it) => it.metadata.annotations?.['granary.dev/open-version'] !== first)
    const second = await world.expectPhase(await versionOf('turns'), 'Committed')
    expect(second.status?.files).toBe(2)
    expect(second.status?.parent).toBe(one.status?.sequence)
    const stored = await listKeys(
      world.s3,
      world.bucket,
      `granary/${world.namespace}/out/data/${second.status?.version}/`,
    )
    expect(stored.map((key) => key.split('/').at(-1))).toEqual(['two'])
  })

  test('the Dataset is deleted and applied again: AdoptionRequired, then all versions and numbers are back', async () => {
    await putObject(world.s3, world.bucket, 'raw/a', 'a')
    const spec = { source: { provider: 'bucket', prefix: 'raw/' } }
    await world.create(dataset(world.namespace, 'again', spec))
    const before = await world.expectPhase('again-v1', 'Committed')
    await world.kubectl(['-n', world.namespace, 'delete', 'dset', 'again'])
    await world.expectGone(DatasetVersion, 'again-v1')
    await world.create(dataset(world.namespace, 'again', spec))
    await world.expectObject(Dataset, 'again', (it) =>
      (it.status?.conditions ?? []).some((condition) => condition.reason === 'AdoptionRequired'),
    )
    await world.create(dataset(world.namespace, 'again', { ...spec, adopt: true }))
    const after = await world.expectObject(DatasetVersion, 'again-v1', (it) => it.status?.digest !== undefined)
    expect(after.status).toMatchObject({ digest: before.status?.digest, sequence: 1, phase: 'Committed' })
    await putObject(world.s3, world.bucket, 'raw/b', 'b')
    await world.kubectl(['-n', world.namespace, 'annotate', 'dset', 'again', 'granary.dev/sync-requested-at=now'])
    const next = await world
      .expectObject(DatasetVersion, 'again-v2', (it) => it.status?.phase === 'Committed')
      .catch(async () => world.expectPhase('again-v3', 'Committed'))
    expect(next.status?.files).toBe(2)
  })

  test('a mover killed with kill -9 and an operator deleted at the same time: it goes on by itself', async () => {
    await putObject(world.s3, world.bucket, 'many/big.bin', new Uint8Array(64 * 1024 ** 2).fill(7))
    for (let i = 0; i < 20; i++) await putObject(world.s3, world.bucket, `many/${i}.txt`, `${i}`)
    await world.create(dataset(world.namespace, 'many', { source: { provider: 'bucket', prefix: 'many/' } }))
    const mover = await world
      .expectObject(DatasetVersion, 'many-v1', (it) => it.status?.phase === 'Initializing')
      .then(async () => {
        const pods = await world.list<Seen>(Pod, world.namespace, 'granary.dev/role=mover')
        return pods.find((it) => it.metadata.name.startsWith('granary-import'))?.metadata.name
      })
    await world.kubectl([
      '-n',
      'granary-system',
      'delete',
      'pod',
      '-l',
      'app.kubernetes.io/name=granary',
      '--force',
      '--grace-period=0',
    ])
    if (mover !== undefined)
      await world.kubectl([
        '-n',
        world.namespace,
        'delete',
        'pod',
        mover,
        '--force',
        '--grace-period=0',
        '--ignore-not-found',
      ])
    const committed = await world.expectPhase('many-v1', 'Committed', 240)
    expect(committed.status?.files).toBe(21)
    const prefix = `granary/${world.namespace}/many/`
    expect(await listKeys(world.s3, world.bucket, `${prefix}uploads/`)).toEqual([])
    expect((await listKeys(world.s3, world.bucket, `${prefix}data/v1/`)).length).toBe(21)
    await world.expectObject(
      Dataset,
      'many',
      (it) => (it.status?.latest as { version?: string } | undefined)?.version === 'v1',
    )
    // A version is committed when its mover's result is read, a moment before the Job's own status and its deletion.
    await until('no import Job to be left at work', async () => {
      const jobs = await world.list<Seen>(Job, world.namespace, 'granary.dev/role=mover')
      const working = (it: Seen) => (it.status as { active?: number } | undefined)?.active !== undefined
      return !jobs.some((it) => it.metadata.name.startsWith('granary-import-') && working(it))
    })
  })

  test('a pod and its claim deleted together while it runs by hand: the bytes are committed or kept, never lost', async () => {
    await open('both')
    await world.create(
      pod(world.namespace, 'both', { script: 'echo precious > /out/precious; sleep 3600', volumes: { out: 'both' } }),
    )
    await world.expectObject(Pod, 'both', (it) => it.status?.phase === 'Running')
    const version = await versionOf('both')
    await world.expectObject(DatasetVersion, version, (it) => it.status?.firstUsedAt !== undefined)
    await world.kubectl(['-n', world.namespace, 'delete', 'pvc', 'both', '--wait=false'])
    await world.kubectl(['-n', world.namespace, 'delete', 'pod', 'both', '--wait=false'])
    const committed = await world.expectPhase(version, 'Committed')
    expect(committed.status?.files).toBe(1)
    await world.expectGone(Claim, 'both')
  })
})
