import { createHash, randomBytes } from 'node:crypto'
import { DeleteObjectCommand, HeadObjectCommand } from '@aws-sdk/client-s3'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { network } from '../../scripts/cluster/network.ts'
import { getObject, listKeys, putObject, sha256 } from '../../scripts/lib/objects.ts'
import { until } from '../../scripts/lib/session.ts'
import type { DatasetVersionStatus } from '../../src/api/dataset-version.ts'
import { Claim, Dataset, DatasetVersion } from '../../src/api/kinds.ts'
import { type FaultyProxy, startFaultyProxy } from '../helpers/faulty-proxy.ts'
import { planted } from '../helpers/planted-listing.ts'
import { claim, dataset, openWorld, provider, type Seen, type World } from './world.ts'

const failureOf = (version: Seen) => (version.status as DatasetVersionStatus | undefined)?.lastFailure
const waitingOf = (object: Seen | undefined) => object?.metadata.annotations?.['granary.dev/waiting'] ?? ''

/** Sources and stores that misbehave: each test has a server of its own, the real one behind a faulty proxy that the cluster's pods reach. */
describe('a source that misbehaves', () => {
  let world: World
  const proxies: FaultyProxy[] = []

  beforeAll(async () => {
    world = await openWorld('source', { versioned: true })
  })
  afterAll(async () => {
    await Promise.all(proxies.map((proxy) => proxy.stop()))
    await world?.close()
  })

  const startProxy = async (port?: number): Promise<FaultyProxy> => {
    const options = { host: network.host, ...(port === undefined ? {} : { port }) }
    const proxy = await startFaultyProxy(world.env.AWS_ENDPOINT_URL_S3 ?? '', options)
    proxies.push(proxy)
    return proxy
  }
  /** A StorageProvider: the world's bucket, as this endpoint shows it. */
  const through = (name: string, endpoint: string): object => {
    const s3 = { bucket: world.bucket, endpoint, region: world.env.AWS_REGION }
    const made = provider(world, world.namespace, world.bucket, { s3, default: false })
    return { ...made, metadata: { name, namespace: world.namespace } }
  }
  const put = (key: string, body: string | Uint8Array) => putObject(world.s3, world.bucket, key, body)
  /** Events come a moment after the status that they are about. */
  const expectEvent = (name: string, pattern: RegExp) => {
    const explain = async () => (await world.events(name)).join('\n')
    const seen = async () => (await world.events(name)).some((event) => pattern.test(event))
    return until(`an event of ${name} like ${pattern}`, seen, { explain })
  }
  const stored = (name: string, version: string) => `granary/${world.namespace}/${name}/data/${version}/`

  test.concurrent('an endpoint that is down: Unreachable; it heals by itself when the server is up', async () => {
    await put('down/a', 'a')
    const first = await startProxy()
    const port = Number(new URL(first.endpoint).port)
    await first.stop()
    await world.create(
      through('down', first.endpoint),
      dataset(world.namespace, 'down', { source: { provider: 'down', prefix: 'down/' }, import: 'Copy' }),
    )
    const condition = await world.expectCondition(Dataset, 'down', 'SourceReachable', 'False', 'Unreachable')
    expect(condition.message).toContain('check the endpoint')
    await expectEvent('down', /^Unreachable: .*check the endpoint/)
    await startProxy(port)
    await world.expectPhase('down-v1', 'Committed')
    await world.expectCondition(Dataset, 'down', 'SourceReachable', 'True')
  })

  test.concurrent('keys that no volume can hold are named; exclude is the way out', async () => {
    const [good, file] = ['good', 'a file beside a directory']
    await put('keys/a', file)
    await put('keys/good.txt', good)
    const object = (key: string, body: string) => {
      const etag = createHash('md5').update(body).digest('hex')
      return { key: `keys/${key}`, size: body.length, etag }
    }
    const listing = planted(
      object('\u0001control', 'x'),
      object('../escape', 'x'),
      object('/etc/passwd', 'x'),
      object('a', file),
      object('a/b', 'x'),
      object('good.txt', good),
    )
    const proxy = await startProxy()
    proxy.plan({ match: { query: /list-type=2.*prefix=keys\// }, fault: { kind: 'rewrite', text: listing } })
    const source = { provider: 'keys', prefix: 'keys/' }
    await world.create(through('keys', proxy.endpoint), dataset(world.namespace, 'keys', { source, import: 'Copy' }))
    const condition = await world.expectCondition(Dataset, 'keys', 'SourceReachable', 'False', 'InvalidKeys')
    for (const key of ['keys/\u0001control', 'keys/../escape', 'keys//etc/passwd', 'keys/a'])
      expect(condition.message).toContain(JSON.stringify(key))
    expect(condition.message).toMatch(/exclude or rename/)
    expect(await world.seen(DatasetVersion, 'keys-v1')).toBeUndefined()

    const exclude = ['*control', '*/escape', '*/etc/**', 'a/*']
    await world.create(dataset(world.namespace, 'keys', { source: { ...source, exclude }, import: 'Copy' }))
    const committed = await world.expectPhase('keys-v1', 'Committed')
    expect(committed.status).toMatchObject({ files: 2, bytes: good.length + file.length })
    const prefix = stored('keys', 'v1')
    expect(await listKeys(world.s3, world.bucket, prefix)).toEqual([`${prefix}a`, `${prefix}good.txt`])
    await world.expectCondition(Dataset, 'keys', 'SourceReachable', 'True')
  })

  test.concurrent.each([
    ['changed', (key: string) => put(key, randomBytes(16))],
    ['deleted', (key: string) => world.s3.send(new DeleteObjectCommand({ Bucket: world.bucket, Key: key }))],
  ])(
    'an object %s between list and get: SourceDrifted names it; committed once the source is steady',
    async (name, spoil) => {
      const key = `${name}/shard/b.txt`
      await put(`${name}/a.txt`, 'steady')
      await put(key, 'as it was listed')
      let steady = false
      let disturbed: Promise<unknown> = Promise.resolve()
      const disturb = (work: () => Promise<unknown>) => async () => {
        if (steady) return
        disturbed = disturbed.then(work)
        await disturbed
      }
      const proxy = await startProxy()
      proxy.plan(
        {
          match: { method: 'GET', query: new RegExp(`list-type=2.*prefix=${name}/`) },
          fault: { kind: 'before', run: disturb(() => put(key, 'as it was listed')) },
        },
        {
          match: { method: 'GET', key: new RegExp(`^${key}$`) },
          fault: { kind: 'before', run: disturb(() => spoil(key)) },
        },
      )
      await world.create(
        through(name, proxy.endpoint),
        dataset(world.namespace, name, { source: { provider: name, prefix: `${name}/` }, import: 'Copy' }),
      )
      const version = `${name}-v1`
      const drifted = await world.expectObject(
        DatasetVersion,
        version,
        (it) => failureOf(it)?.reason === 'SourceDrifted',
      )
      expect(failureOf(drifted)?.message).toContain(`${key} was ${name}`)
      expect(drifted.status?.phase).toBe('Initializing')
      const condition = await world.expectCondition(DatasetVersion, version, 'Ready', 'False', 'SourceDrifted')
      expect(condition.message).toContain(key)
      expect((await world.seen(Dataset, name))?.status?.latest).toBeUndefined()

      steady = true
      // What is under way would else come after the last word.
      await disturbed
      await put(key, 'at rest')
      const committed = await world.expectPhase(version, 'Committed')
      expect(committed.status).toMatchObject({ files: 2, bytes: 'steady'.length + 'at rest'.length })
      const bytes = await getObject(world.s3, world.bucket, `${stored(name, 'v1')}shard/b.txt`)
      expect(Buffer.from(bytes).toString()).toBe('at rest')
    },
  )

  test.concurrent('a pinned object version that is gone: SourceDrifted names it, and the claim is never handed out', async () => {
    await put('pinned/a.txt', 'alpha')
    await put('pinned/gone.txt', 'first')
    const at = { Bucket: world.bucket, Key: 'pinned/gone.txt' }
    const { VersionId } = await world.s3.send(new HeadObjectCommand(at))
    await world.create(dataset(world.namespace, 'pinned', { source: { provider: 'bucket', prefix: 'pinned/' } }))
    const v1 = await world.expectPhase('pinned-v1', 'Committed')
    expect(v1.status?.import).toMatchObject({ mode: 'Reference' })
    await put('pinned/gone.txt', 'second')
    await world.s3.send(new DeleteObjectCommand({ ...at, VersionId }))
    const asked = (name: string, version: string) =>
      claim(world.namespace, name, {
        dataset: 'pinned',
        annotations: { 'granary.dev/version': version, 'granary.dev/bind': 'Immediate' },
      })
    await world.create(asked('late', 'v1'))
    const late = await world.expectObject(Claim, 'late', (it) => waitingOf(it).startsWith('SourceDrifted: '))
    expect(waitingOf(late)).toContain('pinned/gone.txt is gone')
    expect(late.status?.phase).toBe('Pending')

    await world.kubectl([...['-n', world.namespace, 'annotate', 'dset', 'pinned'], 'granary.dev/sync-requested-at=now'])
    await world.expectPhase('pinned-v2', 'Committed')
    await world.create(asked('fresh', 'v2'))
    await world.expectBound('fresh')
    const after = await world.seen(Claim, 'late')
    expect(after?.status?.phase).toBe('Pending')
    expect(after?.spec.volumeName).toBeUndefined()
    await expectEvent('late', /^SourceDrifted: .*pinned\/gone\.txt is gone/)
  })

  test.concurrent('bits flipped on the way into a volume: read again, or Corrupt; never a wrong byte', async () => {
    const [small, big] = [randomBytes(10_000), randomBytes(3 * 1024 ** 2)]
    await put('bits/small.bin', small)
    await put('bits/big.bin', big)
    const proxy = await startProxy()
    await world.create(
      through('bits', proxy.endpoint),
      dataset(world.namespace, 'bits', {
        source: { provider: 'bucket', prefix: 'bits/' },
        store: { provider: 'bits' },
        import: 'Copy',
      }),
    )
    await world.expectPhase('bits-v1', 'Committed')
    const file = (name: string) => new RegExp(`/bits/data/v1/${name}\\.bin$`)
    proxy.plan(
      { match: { method: 'GET', key: file('small'), nth: 1 }, fault: { kind: 'flip', at: 4_321 } },
      { match: { method: 'GET', key: file('big') }, fault: { kind: 'flip', at: 2 * 1024 ** 2 } },
    )
    await world.create(
      claim(world.namespace, 'bits', { dataset: 'bits', annotations: { 'granary.dev/bind': 'Immediate' } }),
    )
    const corrupt = await world.expectObject(Claim, 'bits', (it) => waitingOf(it).startsWith('Corrupt: '))
    expect(waitingOf(corrupt)).toContain('big.bin')
    expect(waitingOf(corrupt)).not.toContain('small.bin')
    expect(corrupt.status?.phase).toBe('Pending')
    expect(corrupt.spec.volumeName).toBeUndefined()
    expect(proxy.log.filter((exchange) => exchange.fault === 'flip').map((it) => it.key)).toContainEqual(
      expect.stringMatching(file('small')),
    )

    proxy.plan()
    await world.expectBound('bits')
    const { succeeded, log } = await world.runJob('bits', {
      script: 'cd /data && sha256sum small.bin big.bin',
      volumes: { data: 'bits:ro' },
    })
    expect(succeeded).toBe(true)
    expect(log).toBe(`${sha256(small)}  small.bin\n${sha256(big)}  big.bin\n`)
  })
})
