import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { createCertificate } from '../../../scripts/cluster/certs.ts'
import { writeKubeconfig } from '../../../scripts/cluster/kubeconfig.ts'
import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion } from '../../../src/api/dataset-version.ts'
import * as kinds from '../../../src/api/kinds.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import { person } from '../../../src/cli/person.ts'
import type { KubeClient } from '../../../src/kube/client.ts'
import { type Connection, connect } from '../../../src/kube/connection.ts'
import { createClient } from '../../../src/kube/http-client.ts'
import { openStore } from '../../../src/stores/open.ts'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { connectObjects } from '../../helpers/objects.ts'
import { type S3Server, startS3Server } from '../../helpers/s3-server.ts'
import { storeVersion } from '../../helpers/stored-version.ts'

const prefix = 'granary/vision/mnist/'

let server: ApiServer
let s3: S3Server
let connection: Connection
let client: KubeClient

/** What a person types, with a kubeconfig, and the keys of the bucket in the environment or not. */
const granary = async (line: string, options: { keys?: boolean; kubeconfig?: string } = {}) => {
  const environment = {
    KUBECONFIG: options.kubeconfig ?? server.kubeconfig,
    AWS_ACCESS_KEY_ID: options.keys === false ? '' : s3.accessKey,
    AWS_SECRET_ACCESS_KEY: options.keys === false ? '' : s3.secretKey,
  }
  for (const [name, value] of Object.entries(environment)) vi.stubEnv(name, value)
  let [out, err] = ['', '']
  const outlet = {
    out: async (bytes: string | Uint8Array) => {
      out += Buffer.from(bytes).toString()
    },
    err: (text: string) => {
      err += text
    },
  }
  const code = await person(line.split(' '), [], 'granary', outlet, new AbortController().signal)
  expect(out + err).not.toContain(s3.secretKey)
  return { code, out, err }
}

const files = (n: number) => ({ 'a.txt': `${n}`, 'same.txt': 'same', ...(n > 1 ? { 'new.txt': 'new' } : {}) })

beforeAll(async () => {
  ;[server, s3] = await Promise.all([startApiServer(), startS3Server()])
  connection = connect(server.kubeconfig)
  client = createClient({ connection })
  const objects = connectObjects(server)
  await objects.installCrds()
  for (const name of ['vision', 'serving'])
    await client.create({ apiVersion: 'v1', kind: 'Namespace', metadata: { name } })
  await s3.createBucket('team')
  const place = { bucket: 'team', endpoint: s3.endpoint, region: s3.region, forcePathStyle: true }
  // No profile and no metadata server of this machine: only what a test puts into the environment.
  const nowhere = { HOME: '/nonexistent', AWS_EC2_METADATA_DISABLED: 'true', AWS_PROFILE: '' }
  const keys = { AWS_ACCESS_KEY_ID: s3.accessKey, AWS_SECRET_ACCESS_KEY: s3.secretKey }
  for (const [name, value] of Object.entries({ ...nowhere, ...keys })) vi.stubEnv(name, value)
  const store = await openStore({ credentialsDir: '', caDir: '' }, { name: 'store', s3: place, credentials: 'Ambient' })
  const meta = (name: string, namespace = 'vision') => ({ name, namespace })
  const { apiVersion } = kinds
  await objects.create({ apiVersion, kind: 'Dataset', metadata: meta('mnist'), spec: {} })
  await objects.create({
    apiVersion,
    kind: 'Dataset',
    metadata: meta('ours', 'serving'),
    spec: { source: { dataset: { namespace: 'vision', name: 'mnist' } } },
  })
  await client.applyStatus(
    { apiVersion, kind: 'Dataset', metadata: meta('mnist') },
    { store: { kind: 's3', ...place, prefix }, nextSequence: 3 },
    'test',
  )
  for (const sequence of [1, 2]) {
    const { root, digest } = await storeVersion(store, prefix, sequence, files(sequence))
    const name = `mnist-v${sequence}`
    await objects.create({ apiVersion, kind: 'DatasetVersion', metadata: meta(name), spec: { dataset: 'mnist' } })
    await client.applyStatus(
      { apiVersion, kind: 'DatasetVersion', metadata: meta(name) },
      {
        phase: 'Committed',
        sequence,
        version: `v${sequence}`,
        digest,
        rootDigest: root,
        files: 1 + sequence,
        bytes: 9,
      },
      'test',
    )
  }
  await store.close()
  await objects.close()
}, 900_000)

afterAll(async () => {
  vi.unstubAllEnvs()
  await connection?.close()
  await Promise.all([server?.stop(), s3?.stop()])
})

test('a person sees what is there, and tags it', async () => {
  expect((await granary('versions mnist -n vision')).out).toMatch(/^VERSION .*\nv2 .*\nv1 /)
  expect(await granary('tag set mnist prod latest -n vision')).toMatchObject({ code: 0, out: 'prod is v2\n' })
  const dataset = await client.get<Dataset>({ kind: kinds.Dataset, namespace: 'vision', name: 'mnist' })
  expect(dataset.spec.tags).toEqual({ prod: 'v2' })
  const listed = await granary('list -A -o json')
  expect(JSON.parse(listed.out).items).toHaveLength(2)
})

test('differences and files come from the bucket with the keys of the environment', async () => {
  const { out, code } = await granary('diff vision/mnist:v1 vision/mnist:v2')
  expect(code).toBe(0)
  expect(out.split('\n').slice(0, 2)).toEqual(['~ a.txt  (1 B, other bytes)', '+ new.txt  (3 B)'])
  // An alias means the owner's versions.
  expect((await granary('files cat ours:v2 a.txt -n serving')).out).toBe('2')
  expect((await granary('files list ours -n serving')).out.split('\n')).toHaveLength(4)
  const without = await granary('files list mnist -n vision', { keys: false })
  expect([without.code, without.err]).toEqual([4, expect.stringContaining('set AWS_ACCESS_KEY_ID')])
}, 120_000)

test('the exit code says why: RBAC forbids, nobody answers, no such context', async () => {
  const certificates = dirname(server.kubeconfig)
  await createCertificate(certificates, { name: 'nobody', commonName: 'nobody' })
  const nobody = join(certificates, 'nobody-kubeconfig')
  await writeKubeconfig(nobody, { server: server.url, certificates, user: 'nobody' })
  const forbidden = await granary('list -n vision', { kubeconfig: nobody })
  expect([forbidden.code, forbidden.err]).toEqual([4, expect.stringContaining('forbidden')])
  const silent = join(certificates, 'silent-kubeconfig')
  await writeKubeconfig(silent, { server: 'https://127.0.0.1:1', certificates, user: 'nobody' })
  expect((await granary('list', { kubeconfig: silent })).code).toBe(6)
  const other = await granary('get mnist --context other')
  expect([other.code, other.err]).toEqual([1, expect.stringContaining('no context other')])
}, 120_000)

test('uninstall refuses while bytes are in no store, then lets everything go: the kinds can be deleted without the operator', async () => {
  const { apiVersion } = kinds
  const meta = (name: string) => ({ name, namespace: 'vision', finalizers: ['granary.dev/version'] })
  const spec = { dataset: 'mnist' }
  for (const name of ['held', 'written'])
    await client.create({ apiVersion, kind: 'DatasetVersion', metadata: meta(name), spec } as KubeObject)
  const phase = (phase: string) =>
    client.applyStatus(
      { apiVersion, kind: 'DatasetVersion', metadata: { name: 'written', namespace: 'vision' } },
      { phase, firstUsedAt: '2026-01-01T00:00:00Z' },
      'test',
    )
  await phase('Running')
  const refused = await granary('uninstall')
  expect([refused.code, refused.err]).toEqual([5, expect.stringContaining('DatasetVersion vision/written (Running)')])
  const finalizersOf = async () =>
    (await client.list<DatasetVersion>(kinds.DatasetVersion)).items.flatMap(({ metadata }) => metadata.finalizers ?? [])
  expect(await finalizersOf()).toHaveLength(2)
  await phase('Abandoned')
  const done = await granary('uninstall')
  expect([done.code, done.out]).toEqual([0, expect.stringContaining('kubectl delete -k config/default')])
  expect(await finalizersOf()).toEqual([])
  const definition = {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    plural: 'customresourcedefinitions',
    namespaced: false,
  }
  const { items } = await client.list(definition)
  const mine = items.filter(({ metadata }) => metadata.name.endsWith('.granary.dev'))
  expect(mine).toHaveLength(4)
  for (const { metadata } of mine)
    await client.delete({ kind: definition, name: metadata.name, uid: metadata.uid ?? '' })
  await vi.waitFor(async () => {
    const left = (await client.list(definition)).items.filter(({ metadata }) => metadata.name.endsWith('.granary.dev'))
    expect(left).toEqual([])
  }, 60_000)
})
