import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { type ApiServer, startApiServer } from '../../helpers/api-server.ts'
import { connectObjects, type Manifest, type Objects, readManifests } from '../../helpers/objects.ts'

/** Everything under config/ on a real API server, and what the operator may do. */

const config = join(import.meta.dirname, '../../../config')

const manifestsBelow = async (dir: string): Promise<[string, Manifest][]> => {
  const names = (await readdir(join(config, dir), { recursive: true })).filter((name) => name.endsWith('.yaml')).sort()
  const found: [string, Manifest][] = []
  for (const name of names.filter((n) => !n.endsWith('kustomization.yaml'))) {
    for (const manifest of await readManifests(join(config, dir, name))) {
      found.push([`${name}: ${manifest.kind} ${manifest.metadata.name ?? manifest.metadata.generateName}`, manifest])
    }
  }
  return found
}

const all = await manifestsBelow('.')
const ofKind = (kind: string) => all.map(([, manifest]) => manifest).filter((manifest) => manifest.kind === kind)

let server: ApiServer
let objects: Objects

beforeAll(async () => {
  server = await startApiServer()
  objects = connectObjects(server)
  await objects.installCrds()
  for (const namespace of ofKind('Namespace')) expect((await objects.apply(namespace)).body.message).toBeUndefined()
})

afterAll(async () => {
  await objects?.close()
  await server?.stop()
})

describe('server-side dry run', () => {
  const here = all.filter(([, manifest]) => !manifest.apiVersion.startsWith('tekton.dev/'))

  test.each(here)('%s', async (_, manifest) => {
    const answer = await objects.apply(manifest, { dryRun: true })
    expect(answer.body.message).toBeUndefined()
    expect(answer.status).toBeLessThan(300)
  })

  test('claims that a pipeline makes from its templates', async () => {
    const [spec] = ofKind('PipelineRun').map((run) => run.spec)
    const { workspaces } = spec as { workspaces: { name: string; volumeClaimTemplate: Manifest }[] }
    expect(workspaces.map((workspace) => workspace.name)).toEqual(['mnist', 'model'])
    for (const { name, volumeClaimTemplate } of workspaces) {
      const metadata = { ...volumeClaimTemplate.metadata, name, namespace: 'vision' }
      const claim = { ...volumeClaimTemplate, apiVersion: 'v1', kind: 'PersistentVolumeClaim', metadata }
      const answer = await objects.apply(claim, { dryRun: true })
      expect(answer.body.message).toBeUndefined()
      expect(answer.body.spec).toHaveProperty('dataSourceRef.apiGroup', 'granary.dev')
    }
  })

  test('samples name each other', () => {
    const claims = ofKind('PersistentVolumeClaim').filter(({ spec }) => 'dataSourceRef' in (spec as object))
    const datasets = ofKind('Dataset').map((dataset) => dataset.metadata.name)
    expect(claims.length).toBeGreaterThan(1)
    for (const claim of claims) {
      const { dataSourceRef } = claim.spec as { dataSourceRef: { name: string } }
      expect(datasets).toContain(dataSourceRef.name)
    }
  })
})

describe('rights', () => {
  interface PolicyRule {
    apiGroups: string[]
    resources: string[]
    verbs: string[]
  }
  const rules = [...ofKind('ClusterRole'), ...ofKind('Role')].flatMap((role) => role.rules as PolicyRule[])

  test('no wildcard', () => {
    expect(rules.length).toBeGreaterThan(5)
    for (const rule of rules) expect([...rule.apiGroups, ...rule.resources, ...rule.verbs]).not.toContain('*')
  })

  test('no Secret, no ConfigMap, no way into pods, no way to more rights', () => {
    const resources = new Set(rules.flatMap((rule) => rule.resources))
    for (const denied of ['secrets', 'configmaps', 'serviceaccounts', 'serviceaccounts/token', 'pods/exec']) {
      expect(resources).not.toContain(denied)
    }
    const verbs = new Set(rules.flatMap((rule) => rule.verbs))
    for (const denied of ['escalate', 'bind', 'impersonate']) expect(verbs).not.toContain(denied)
  })

  test.each([
    ['pods', ['get', 'list', 'watch']],
    ['nodes', ['get']],
  ])('%s are only looked at', (resource, verbs) => {
    const granted = rules.filter((rule) => rule.resources.includes(resource)).flatMap((rule) => rule.verbs)
    expect(granted.toSorted()).toEqual(verbs)
  })
})

describe('the policy on read-only versions', () => {
  const pod = (namespace: string, volume: object, mount: object): Manifest => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: 'reader', namespace },
    spec: {
      containers: [{ name: 'reader', image: 'reader', volumeMounts: [{ name: 'data', mountPath: '/data', ...mount }] }],
      volumes: [{ name: 'data', persistentVolumeClaim: volume }],
    },
  })
  const namespace = (name: string, labels: object): Manifest => ({
    apiVersion: 'v1',
    kind: 'Namespace',
    metadata: { name, labels },
  })
  const writable = (name: string) => pod(name, { claimName: 'mnist-v1' }, {})

  beforeAll(async () => {
    await objects.apply(namespace('guarded', { 'granary.dev/read-only-versions': 'enforce' }))
    await objects.apply(namespace('free', {}))
    for (const [, manifest] of await manifestsBelow('policy')) await objects.apply(manifest)
    // A policy is in force some time after it was written.
    const refused = async () => expect((await objects.apply(writable('guarded'), { dryRun: true })).status).toBe(422)
    await vi.waitFor(refused, { timeout: 60_000, interval: 200 })
  })

  test('a writable mount is refused, with what to write', async () => {
    const answer = await objects.apply(writable('guarded'), { dryRun: true })
    expect(answer.body.message).toContain('write readOnly: true')
  })

  test.each([
    ['a mount that is read-only', { claimName: 'mnist-v1' }, { readOnly: true }],
    ['a volume that is read-only', { claimName: 'mnist-v1', readOnly: true }, {}],
    ['another claim', { claimName: 'workspace' }, {}],
  ])('%s is taken', async (_, volume, mount) => {
    const answer = await objects.apply(pod('guarded', volume, mount), { dryRun: true })
    expect(answer.body.message).toBeUndefined()
  })

  test('other namespaces are left alone', async () => {
    expect((await objects.apply(writable('free'), { dryRun: true })).body.message).toBeUndefined()
  })
})
