import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { connectObjects, type Manifest, type Objects } from '../../helpers/objects.ts'

/** What a real API server answers at `kubectl apply`: the sentence that says what to write instead. */

let server: ApiServer
let objects: Objects

beforeAll(async () => {
  server = await startApiServer()
  objects = connectObjects(server)
  await objects.installCrds()
})

afterAll(async () => {
  await objects?.close()
  await server?.stop()
})

const object = (kind: string, spec: unknown, name = 'mnist'): Manifest => ({
  apiVersion: 'granary.dev/v1alpha1',
  kind,
  metadata: { name },
  spec,
})
const dataset = (spec: unknown, name?: string) => object('Dataset', spec, name)
const version = (spec: object, name = 'by-hand') => object('DatasetVersion', { dataset: 'mnist', ...spec }, name)
const provider = (spec: unknown, name?: string) => object('StorageProvider', spec, name)
const cache = (spec: object, name?: string) => object('VolumeCache', { volume: { size: '1Gi' }, ...spec }, name)
const source = (location: unknown, more = {}) => dataset({ source: location, ...more })

const s3 = { bucket: 'team-bucket' }
const digest = 'a'.repeat(64)
const listing = (count: number, length: number) =>
  Array.from({ length: count }, (_, i) => ({ url: `https://a/${'b'.repeat(length)}`, path: `${i}`, sha256: digest }))

const refused: [string, Manifest, string][] = [
  ['no location', source({}), 'a source is exactly one of provider, s3'],
  ['two locations', source({ s3, provider: 'team' }), 'a source is exactly one of'],
  ['a prefix without a final slash', source({ s3, prefix: 'mnist' }), 'write public/mnist/ instead of public/mnist'],
  ['a prefix from the root', source({ s3, prefix: '/mnist/' }), 'a prefix starts with a name'],
  ['a prefix that climbs', source({ s3, prefix: 'a/../b/' }), 'a prefix starts with a name'],
  ['a prefix with an empty segment', source({ s3, prefix: 'a//b/' }), 'a prefix starts with a name'],
  [
    'a prefix where there are no keys',
    source({ nfs: { server: 'nas', path: '/x' }, prefix: 'a/' }),
    'prefix goes with',
  ],
  ['an endpoint without scheme', source({ s3: { ...s3, endpoint: 's3.example.com' } }), 'an endpoint is http'],
  [
    'a password in an endpoint',
    source({ s3: { ...s3, endpoint: 'https://u:p@s3.example.com' } }),
    'an endpoint is http',
  ],
  ['a scheme in a bucket', source({ s3: { bucket: 's3://team' } }), 'spec.source.s3.bucket'],
  ['two credentials', source({ s3, credentials: { secretName: 'a', anonymous: true } }), 'exactly one of secretName'],
  ['no credentials', source({ s3, credentials: {} }), 'exactly one of secretName'],
  ['anonymous: false', source({ s3, credentials: { anonymous: false } }), 'anonymous is true or not there'],
  ['credentials beside a provider', source({ provider: 'a', credentials: { secretName: 'a' } }), 'brings its own'],
  ['an NFS path that is relative', source({ nfs: { server: 'nas', path: 'x' } }), 'this path starts with a slash'],
  ['a path of a claim that climbs', source({ claim: { name: 'a', path: '../b' } }), 'relative to the volume'],
  ['a file without digest', source({ http: { files: [{ url: 'https://a/b', path: 'b' }] } }), 'sha256: Required value'],
  [
    'an address that is none',
    source({ http: { files: [{ url: 'ftp://a', path: 'b', sha256: digest }] } }),
    'a url starts',
  ],
  ['lists of long urls', source({ http: { files: listing(256, 800) } }), 'too long together'],
  [
    'texts of more than 128 KiB',
    source({ inline: { files: { a: 'x'.repeat(70_000), b: 'x'.repeat(70_000) } } }),
    '128 KiB in all',
  ],
  [
    'more globs than a pod takes',
    source({ s3, include: Array(65).fill('x'.repeat(512)) }),
    'may have 32,768 characters',
  ],
  [
    'import: Reference of a directory',
    source({ nfs: { server: 'nas', path: '/exports/a' } }, { import: 'Reference' }),
    'import: Reference points at objects of a bucket',
  ],
  ['import: Mount of a bucket', source({ s3 }, { import: 'Mount' }), 'import: Mount is for sources of the kinds nfs'],
  ['another import', source({ s3 }, { import: 'Link' }), 'Unsupported value'],
  ['two stores', dataset({ store: { s3, provider: 'team' } }), 'a store is exactly one of'],
  ['a store on NFS', dataset({ store: { nfs: { server: 'a', path: '/b' } } }), 'nfs'],
  ['write-back to two places', dataset({ writeBack: { s3, provider: 'team' } }), 'writeBack goes to exactly one of'],
  ['write-back to no source', dataset({ writeBack: { toSource: true } }), 'writeBack.toSource needs a source'],
  ['write-back below the source', source({ s3 }, { writeBack: { toSource: true, prefix: 'a/' } }), 'leave prefix out'],
  ['a tag named latest', dataset({ tags: { latest: 'v1' } }), 'a tag has at most 63'],
  ['a tag named v3', dataset({ tags: { v3: 'v1' } }), 'those are numbers'],
  ['a tag like a digest', dataset({ tags: { '0123456789ab': 'v1' } }), 'not like a digest'],
  ['a tag in capitals', dataset({ tags: { Prod: 'v1' } }), 'small letters'],
  ['a tag that points at a tag', dataset({ tags: { prod: 'candidate' } }), 'spec.tags.prod'],
  ['a pin that is no version', dataset({ volume: { pins: ['run'] } }), 'name a version: latest, a tag'],
  ['a pin with a leading zero', dataset({ volume: { pins: ['v03'] } }), 'without a leading zero'],
  ['an output tag named none', dataset({ outputs: { tags: ['none'] } }), 'a tag has at most 63'],
  ['a duration in days', dataset({ sync: { interval: '1d' } }), 'spec.sync.interval'],
  ['a time zone without schedule', dataset({ sync: { timeZone: 'Europe/Berlin' } }), 'timeZone goes with schedule'],
  ['a size with GB', dataset({ volume: { size: '20 GB' } }), 'spec.volume.size'],
  ['a name of 49 characters', dataset({}, 'a'.repeat(49)), 'at most 48 characters'],
  [
    'an alias with a store',
    source({ dataset: { namespace: 'a', name: 'b' } }, { store: { provider: 'p' } }),
    'an alias',
  ],
  ['an alias that adopts', source({ dataset: { namespace: 'a', name: 'b' } }, { adopt: true }), 'an alias'],
  ['an alias that leaves out', source({ dataset: { namespace: 'a', name: 'b' }, exclude: ['*'] }), 'whole Dataset'],

  ['a version without Dataset', object('DatasetVersion', {}), 'spec.dataset: Required value'],
  ["a person's version named as Granary's", version({}, 'other-v3'), 'choose another name, or write generateName'],
  ['a number with a leading zero', version({}, 'mnist-v03'), 'choose another name, or write generateName'],
  ['a long name of a version', version({}, 'a'.repeat(49)), 'at most 48 characters'],
  ['two origins', version({ from: { source: {}, claim: { name: 'a' } } }), 'from is exactly one of'],
  ['no origin', version({ from: {} }), 'from is exactly one of'],
  ['an origin and a base', version({ from: { source: {} }, base: 'latest' }), 'leave base, volume, commit'],
  ['a base of the run', version({ base: 'run' }), 'a base is latest, a tag'],
  ['a base in another Dataset', version({ base: 'other:v1' }), 'a base is latest, a tag'],
  ['a base with a leading zero', version({ base: 'v01' }), 'without a leading zero'],
  ['a parent that is a tag', version({ expectedParent: 'prod' }), 'spec.expectedParent'],
  ['a version tag named run', version({ tags: ['run'] }), 'a tag has at most 63'],
  ['a tag twice', version({ tags: ['a', 'a'] }), 'duplicate entries'],

  ['a provider of nothing', provider({}), 'a StorageProvider is exactly one of s3, gcs or claim'],
  ['a provider of two', provider({ s3, gcs: { bucket: 'team-bucket' } }), 'exactly one of s3, gcs or claim'],

  ['a ref of a URL', cache({ preload: ['s3://bucket/mnist'] }), 'a ref is [namespace/]name'],
  ['a ref with a leading zero', cache({ pins: ['mnist:v03'] }), 'a ref is [namespace/]name'],
  ['a ref of none', cache({ pins: ['mnist:none'] }), 'a ref is [namespace/]name'],
  ['a digest that is short', cache({ pins: ['mnist@sha256:abc'] }), 'a ref is [namespace/]name'],
  ['watermarks the wrong way round', cache({ watermarks: { high: 50, low: 70 } }), 'low is below high'],
  ['a cache in two places', cache({ volume: { size: '1Gi', path: '/a', storageClassName: 'b' } }), 'not both'],
]

const accepted: [string, Manifest][] = [
  ['an empty spec', dataset({})],
  [
    'a source with everything',
    source({
      s3: { ...s3, region: 'eu-central-1', endpoint: 'http://127.0.0.1:7070', forcePathStyle: true },
      prefix: 'public/mnist/',
      include: ['**/*.png'],
      exclude: ['**/.DS_Store'],
      allowEmpty: true,
      credentials: { secretName: 'keys' },
      caConfigMapName: 'ca',
    }),
  ],
  ['a name with dots', dataset({}, 'imagenet.2012')],
  ['a public source', source({ s3, credentials: { anonymous: true } })],
  ['a share', source({ nfs: { server: 'nas', path: '/exports/a' } }, { import: 'Mount' })],
  ['a directory of a node', source({ hostPath: { path: '/srv/data' } })],
  ['an existing workspace', source({ claim: { name: 'work', path: 'a/b', live: true } })],
  ['public files', source({ http: { files: [{ url: 'https://a/b', path: 'b', sha256: digest }] } })],
  ['as many public files as there may be', source({ http: { files: listing(256, 600) } })],
  ['texts of 128 KiB', source({ inline: { files: { a: '"'.repeat(131_071) } } })],
  ['text', source({ inline: { files: { 'labels.txt': 'cat\n', 'a/b.txt': '' } } })],
  ['a ConfigMap', source({ configMap: { name: 'labels' } })],
  ['an alias', source({ dataset: { namespace: 'data', name: 'imagenet' } }, { volume: { keep: 1 }, description: 'x' })],
  ['Google Cloud Storage', source({ gcs: { bucket: 'team' }, credentials: { serviceAccountName: 'reader' } })],
  [
    'all the rest',
    dataset({
      description: 'x',
      store: { provider: 'team', prefix: 'granary/' },
      sync: { maxAge: '0s', interval: '1h30m', schedule: '0 3 * * *', timeZone: 'Europe/Berlin', suspend: true },
      volume: {
        storageClassName: 'fast',
        accessModes: ['ReadOnlyMany'],
        volumeSnapshotClassName: 'snap',
        size: '20Gi',
        keep: 2,
        pins: ['prod', 'v3', 'latest'],
        idleTTL: '72h',
      },
      outputs: {
        volume: { storageClassName: 'fast', size: 1073741824, accessModes: ['ReadWriteOnce'] },
        commit: 'Manual',
        checkpoint: { interval: '10m' },
        tags: ['candidate'],
        allowEmpty: true,
      },
      writeBack: { provider: 'team', prefix: 'public/mnist/', prune: true, onConflict: 'Overwrite' },
      tags: { prod: 'v12', 'v1.2': 'v3' },
      retention: { keepLast: 10, keepTagged: true, uncommittedTTL: '168h', deletedGrace: '168h' },
      allowedNamespaces: { names: ['serving'], selector: { matchLabels: { team: 'a' } }, maxFills: 4 },
      mover: {
        resources: { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } },
        nodeSelector: { a: 'b' },
        tolerations: [{ operator: 'Exists' }],
        affinity: { nodeAffinity: {} },
        priorityClassName: 'low',
        podLabels: { a: 'b' },
        podAnnotations: { a: 'b' },
        imagePullSecrets: [{ name: 'a' }],
        securityContext: { runAsUser: 1000 },
      },
      deletionPolicy: 'Delete',
    }),
  ],
  ["Granary's own version", version({ from: { source: {} } }, 'mnist-v12')],
  [
    "Granary's own version of the longest name",
    object('DatasetVersion', { dataset: 'd'.repeat(48) }, `${'d'.repeat(48)}-v1234567890`),
  ],
  ['a version of a claim', version({ from: { claim: { name: 'work', path: 'a' } }, message: 'x', tags: ['a'] })],
  [
    'a version to write in',
    version({
      base: 'latest',
      commit: 'OnRelease',
      committed: false,
      checkpoint: { interval: '10m' },
      expectedParent: 'v11',
      volume: { size: '1Gi' },
    }),
  ],
  ['a base by digest', version({ base: 'v3@sha256:0123456789ab' })],
  ['no base, said', version({ base: 'none' })],
  ['a provider', provider({ s3, prefix: 'team/', default: true, credentials: { secretName: 'keys' }, mover: {} })],
  ['a provider on a claim', provider({ claim: { name: 'store' } })],
  [
    'a cache',
    cache({
      default: true,
      preload: ['mnist', 'data/imagenet:prod'],
      pins: ['imagenet:v2@sha256:0123456789ab'],
      idleTTL: '72h',
      watermarks: { high: 90 },
    }),
  ],
  ['a cache on the nodes', cache({ volume: { path: '/var/cache/granary', nodeSelector: { gpu: 'yes' } } })],
]

describe('the API server refuses', () => {
  test.each(refused)('%s', async (_, manifest, sentence) => {
    const answer = await objects.apply(manifest, { dryRun: true })
    expect(answer.body.message).toContain(sentence)
    expect([400, 422, 500]).toContain(answer.status)
  })
})

describe('the API server takes', () => {
  test.each(accepted)('%s', async (_, manifest) => {
    const answer = await objects.apply(manifest, { dryRun: true })
    expect(answer.body.message).toBeUndefined()
    expect(answer.status).toBe(201)
  })
})

test('defaults are filled in, and nothing else', async () => {
  const answer = await objects.apply(dataset({ volume: {}, sync: { interval: '1h' } }), { dryRun: true })
  expect(answer.body.spec).toEqual({
    import: 'Auto',
    adopt: false,
    deletionPolicy: 'Retain',
    volume: { keep: 1, idleTTL: '72h' },
    sync: { interval: '1h', suspend: false },
  })
})

test('kubectl finds the kinds by their short names and in the category', async () => {
  const { body } = await objects.get({
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: 'datasets.granary.dev' },
  })
  expect(body.spec).toMatchObject({ names: { shortNames: ['dset', 'dsets'], categories: ['granary'] } })
})
