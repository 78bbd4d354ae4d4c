import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { network } from '../../scripts/cluster/network.ts'
import { Claim, Dataset, DatasetVersion, Pod, Volume } from '../../src/api/kinds.ts'
import { sha256Hex } from '../../src/manifest/digest.ts'
import { claim, dataset, openWorld, pod, type World } from './world.ts'

/** What config/dev allows. */
const allowed = '/var/lib/granary-dev'

describe('sources and stores that are no bucket', () => {
  let world: World
  const web = createServer((_, response) => response.end('served'))
  let port = 0

  beforeAll(async () => {
    world = await openWorld('places')
    await new Promise<void>((resolve) => web.listen(0, network.host, resolve))
    port = (web.address() as { port: number }).port
  })
  afterAll(async () => {
    web.close()
    await world?.close()
  })

  const plain = (name: string): object => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: { name, namespace: world.namespace },
    spec: { accessModes: ['ReadWriteOnce'], storageClassName: 'fast', resources: { requests: { storage: '64Mi' } } },
  })
  const remove = (kind: string, name: string) =>
    world.kubectl(['-n', world.namespace, 'delete', kind, name, '--wait=false'])
  const messageOf = async (name: string, type: string, status: string, reason: string) =>
    (await world.expectCondition(Dataset, name, type, status, reason)).message

  test.concurrent('texts in the Dataset, a ConfigMap and a public file become versions', async () => {
    const { namespace } = world
    await world.create(plain('texts-disk'))
    const served = { url: `http://${network.host}:${port}/served`, path: 'x/served.txt' }
    await world.create(
      // A team without a bucket: the versions lie on a claim, which the writer's follow.
      dataset(namespace, 'texts', {
        source: { inline: { files: { 'labels.txt': 'cat\ndog\n', 'a/b': '' } } },
        store: { claim: { name: 'texts-disk' } },
      }),
      dataset(namespace, 'keys', { source: { configMap: { name: 'labels' } } }),
      dataset(namespace, 'public', {
        source: { http: { files: [{ ...served, sha256: sha256Hex(Buffer.from('served')) }] } },
      }),
      dataset(namespace, 'altered', {
        source: { http: { files: [{ ...served, sha256: sha256Hex(Buffer.from('other')) }] } },
      }),
    )
    expect(await messageOf('keys', 'SourceReachable', 'False', 'SourceNotFound')).toContain('labels')
    await world.create({
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'labels', namespace },
      data: { 'a.txt': 'A', 'b.txt': 'B' },
    })
    for (const [name, files] of [
      ['texts', 2],
      ['public', 1],
      ['keys', 2],
    ] as const) {
      const version = await world.expectPhase(`${name}-v1`, 'Committed')
      expect(version.status).toMatchObject({ files, import: { mode: 'Copy' } })
    }
    await world.create(
      claim(namespace, 'more', { dataset: 'texts', annotations: { 'granary.dev/access': 'ReadWrite' } }),
    )
    const more = { script: 'cat /m/labels.txt && echo bird >> /m/labels.txt', volumes: { m: 'more' } }
    expect(await world.runJob('more', more)).toMatchObject({ succeeded: true, log: 'cat\ndog\n' })
    expect((await world.expectPhase('texts-v2', 'Committed')).status).toMatchObject({ files: 2, bytes: 13 })
    const altered = await world.expectPhase('altered-v1', 'Failed')
    expect(altered.status).toMatchObject({
      lastFailure: { reason: 'Corrupt', message: expect.stringContaining('x/served.txt') },
    })
  })

  test.concurrent('a workspace in use is waited for; its versions live on another claim, and so do outputs', async () => {
    const { namespace } = world
    await world.create(plain('workspace'), plain('disk'))
    const script =
      'mkdir -p /w/set && echo one > /w/set/one.txt && echo two > /w/two.txt && chmod -R a+rX /w; sleep 1000'
    await world.create(pod(namespace, 'writer', { script, volumes: { w: 'workspace' } }))
    await world.expectObject(Pod, 'writer', ({ status }) => status?.phase === 'Running')
    await world.create(
      dataset(namespace, 'work', {
        source: { claim: { name: 'workspace', path: 'set' } },
        store: { claim: { name: 'disk' } },
      }),
    )
    expect(await messageOf('work', 'SourceReachable', 'False', 'WritersActive')).toContain('writer')
    await remove('pod', 'writer')
    const first = await world.expectPhase('work-v1', 'Committed')
    expect(first.status).toMatchObject({ files: 1, import: { mode: 'Copy' } })

    await world.create(claim(namespace, 'out', { dataset: 'work', annotations: { 'granary.dev/access': 'ReadWrite' } }))
    const written = await world.runJob('append', {
      script: 'cat /o/one.txt && echo new > /o/new.txt',
      volumes: { o: 'out' },
    })
    expect(written).toMatchObject({ succeeded: true, log: expect.stringContaining('one') })
    expect((await world.expectPhase('work-v2', 'Committed')).status).toMatchObject({ files: 2 })
    await world.create(claim(namespace, 'in', { dataset: 'work' }))
    const read = await world.runJob('reader', { script: 'cat /i/one.txt /i/new.txt', volumes: { i: 'in:ro' } })
    expect(read).toMatchObject({ succeeded: true, log: expect.stringContaining('new') })
  })

  test.concurrent('a directory of the nodes: mounted as it is, or imported; nowhere else than allowed', async () => {
    const { namespace } = world
    const here = `${allowed}/${namespace}`
    const hostPath = { hostPath: { path: allowed, type: 'DirectoryOrCreate' } }
    const script = `mkdir -p /h/${namespace}/sub && cd /h/${namespace} && echo a > a.txt && echo b > sub/b.txt && ln -s /etc leads-out && chmod -R a+rX . && ls`
    expect(await world.runJob('plant', { script, volumes: { h: hostPath }, uid: 0, root: true })).toMatchObject({
      succeeded: true,
    })
    const source = (path: string, more = {}) => ({ source: { hostPath: { path }, ...more } })
    await world.create(
      dataset(namespace, 'elsewhere', source('/etc')),
      dataset(namespace, 'mounted', { ...source(here), import: 'Mount' }),
      dataset(namespace, 'copied', source(here, { exclude: ['leads-out'] })),
      dataset(namespace, 'through', source(`${here}/leads-out`)),
    )
    expect(await messageOf('elsewhere', 'Stalled', 'True', 'HostPathNotAllowed')).toContain('--allow-host-path')
    expect(await messageOf('through', 'SourceReachable', 'False', 'SourceNotFound')).toContain('symlink')
    expect(await messageOf('mounted', 'Ready', 'True', 'Mounted')).toContain('mounted-live')
    const look = (name: string) =>
      world.runJob(name, {
        script: 'cat /m/*.txt; touch /m/x 2>/dev/null && echo written; true',
        volumes: { m: 'mounted-live' },
      })
    expect((await look('first')).log.trim()).toBe('a')
    expect((await world.expectPhase('copied-v1', 'Committed')).status).toMatchObject({ files: 2 })
    expect(await world.seen(DatasetVersion, 'mounted-v1')).toBeUndefined()
    // A claim stays as long as there is a pod that names it, an ended one too.
    await remove('job', 'first')

    await world.create(dataset(namespace, 'mounted', { ...source(`${here}/sub`), import: 'Mount' }))
    const { uid } = (await world.expectObject(Dataset, 'mounted', () => true)).metadata
    const volume = `granary-live-${uid}`
    await world.expectObject(Volume, volume, ({ spec }) => (spec.local as { path?: string }).path === `${here}/sub`)
    await world.expectBound('mounted-live', 60)
    expect((await look('second')).log.trim()).toBe('b')
    await remove('job', 'second')
    await remove('dataset', 'mounted')
    await world.expectGone(Claim, 'mounted-live')
    await world.expectGone(Volume, volume)
    await world.expectGone(Dataset, 'mounted')
    const clear = { script: `rm -rf /h/${namespace}`, volumes: { h: hostPath }, uid: 0, root: true }
    expect(await world.runJob('clear', clear)).toMatchObject({ succeeded: true })
  })

  // Whether a pod can mount it is the kernel's to say: that of most test machines has no NFS client, and no server is there.
  test.concurrent('a share: its volume and claim are made and bound, and go with the Dataset; no pod mounts it here', async () => {
    const { namespace } = world
    const nfs = { server: '192.0.2.1', path: '/exports/scans' }
    await world.create(dataset(namespace, 'share', { source: { nfs }, import: 'Mount' }))
    expect(await messageOf('share', 'Ready', 'True', 'Mounted')).toContain('share-live')
    const { uid } = (await world.expectObject(Dataset, 'share', () => true)).metadata
    const volume = await world.expectObject(Volume, `granary-live-${uid}`, () => true)
    expect(volume.spec).toMatchObject({ nfs, persistentVolumeReclaimPolicy: 'Retain' })
    expect((await world.expectBound('share-live')).spec).toMatchObject({ volumeName: `granary-live-${uid}` })
    await remove('dataset', 'share')
    await world.expectGone(Claim, 'share-live')
    await world.expectGone(Volume, `granary-live-${uid}`)
  })
})
