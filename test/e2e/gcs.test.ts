import { readFile } from 'node:fs/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { network } from '../../scripts/cluster/network.ts'
import { putObject } from '../../scripts/lib/objects.ts'
import { Dataset, DatasetVersion, StorageProvider } from '../../src/api/kinds.ts'
import { openGcsStore } from '../../src/stores/gcs/store.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { type GcsServer, startGcsServer } from '../helpers/gcs-server.ts'
import { listAll, readAll } from '../helpers/move.ts'
import { startRoleWebhook } from '../helpers/role-webhook.ts'
import { serviceAccountKey } from '../helpers/service-account.ts'
import { claim, dataset, openWorld, type World } from './world.ts'

/** Buckets as clouds have them: of Google Cloud Storage, with the key of a service account, over TLS; and of S3, by the role of a service account. */
let world: World
let server: GcsServer
let bucket: ObjectStore
const key = serviceAccountKey()

beforeAll(async () => {
  server = await startGcsServer({ host: network.host })
  await server.createBucket('team')
  bucket = await openGcsStore({ bucket: 'team', endpoint: server.endpoint }, { credentials: { from: 'Anonymous' } })
  await bucket.put('images/cat.txt', Buffer.from('cat'))
  await bucket.put('images/more/dog ü.txt', Buffer.from('dog'))
  world = await openWorld('gcs')
})
afterAll(async () => {
  try {
    await world?.close()
  } finally {
    await bucket?.close()
    await server?.stop()
  }
})

test.concurrent('objects become a version that a Job reads, and what a Job writes becomes one in the bucket', async () => {
  const { namespace } = world
  const metadata = (name: string) => ({ name, namespace })
  await world.create(
    {
      apiVersion: 'v1',
      kind: 'Secret',
      metadata: metadata('google-key'),
      stringData: { 'service-account.json': key.json },
    },
    {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: metadata('authority'),
      data: { 'ca.crt': await readFile(server.caFile, 'utf8') },
    },
    {
      apiVersion: 'granary.dev/v1alpha1',
      kind: 'StorageProvider',
      metadata: metadata('google'),
      spec: {
        gcs: { bucket: 'team', endpoint: server.secureEndpoint },
        prefix: 'team/',
        credentials: { secretName: 'google-key' },
        caConfigMapName: 'authority',
      },
    },
    dataset(namespace, 'images', {
      source: {
        gcs: { bucket: 'team', endpoint: server.endpoint },
        prefix: 'images/',
        credentials: { secretName: 'google-key' },
      },
      import: 'Copy',
      store: { provider: 'google' },
    }),
    dataset(namespace, 'model', { store: { provider: 'google' } }),
    claim(namespace, 'images-in', { dataset: 'images' }),
    claim(namespace, 'model-out', {
      dataset: 'model',
      annotations: { 'granary.dev/access': 'ReadWrite', 'granary.dev/version': 'none' },
    }),
  )
  const { succeeded, log } = await world.runJob('train', {
    script: 'cat /in/cat.txt "/in/more/dog ü.txt"; mkdir /out/m && cat /in/cat.txt /in/more/* > /out/m/weights',
    volumes: { in: 'images-in:ro', out: 'model-out' },
  })
  expect({ succeeded, log }).toEqual({ succeeded: true, log: 'catdog' })
  const images = await world.seen(DatasetVersion, 'images-v1')
  expect(images?.status).toMatchObject({ phase: 'Committed', files: 2, bytes: 6, import: { mode: 'Copy' } })
  const model = await world.expectPhase('model-v1', 'Committed')
  expect(model.status).toMatchObject({ files: 1, bytes: 6, producedBy: { kind: 'Job', name: 'train' } })
  const resolved = await world.expectObject(Dataset, 'model', ({ status }) => status?.store !== undefined)
  const store = resolved.status?.store as { prefix: string }
  const prefix = `${store.prefix}data/`
  expect(prefix).toMatch(/^team\/.*\/model\/data\/$/)
  expect((await listAll(bucket.list(prefix))).map((object) => object.key)).toEqual([`${prefix}v1/m/weights`])
  expect((await readAll(bucket, `${prefix}v1/m/weights`)).toString()).toBe('catdog')
  const ready = await world.expectCondition(StorageProvider, 'google', 'Ready', 'True')
  expect(ready.message).not.toContain('PRIVATE')
})

test.concurrent('a role of a service account (IRSA): the webhook of EKS gives movers a token, which the token service takes', async () => {
  const { namespace, env } = world
  const keys = { accessKeyId: env.AWS_ACCESS_KEY_ID ?? '', secretAccessKey: env.AWS_SECRET_ACCESS_KEY ?? '' }
  const webhook = await startRoleWebhook(network.host, 'reader', keys)
  const name = `roles-${namespace}`
  try {
    await putObject(world.s3, world.bucket, 'raw/a.txt', 'alpha')
    await world.create(
      webhook.configuration(name, namespace),
      { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name: 'reader', namespace } },
      dataset(namespace, 'by-role', {
        source: {
          s3: { bucket: world.bucket, endpoint: env.AWS_ENDPOINT_URL_S3, region: env.AWS_REGION },
          prefix: 'raw/',
          credentials: { serviceAccountName: 'reader' },
        },
      }),
    )
    const version = await world.expectPhase('by-role-v1', 'Committed')
    expect(version.status).toMatchObject({ files: 1, bytes: 5 })
    expect(webhook.shown).toContainEqual(
      expect.objectContaining({ aud: ['sts.amazonaws.com'], sub: `system:serviceaccount:${namespace}:reader` }),
    )
  } finally {
    await world.kubectl(['delete', 'mutatingwebhookconfiguration', name, '--ignore-not-found'])
    await webhook.stop()
  }
})
