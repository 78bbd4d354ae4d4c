import { expect, test } from 'vitest'
import type { MoveSpec } from '../../src/api/move.ts'
import { moverAccess } from '../../src/desired/location.ts'
import { type MoverJobInput, moverJob } from '../../src/desired/mover-job.ts'
import { packTexts } from '../../src/lib/packed-texts.ts'

const at = (credentials?: object) =>
  moverAccess('store', { s3: { bucket: 'b' }, prefix: 'p/', ...(credentials ? { credentials } : {}) })
const spec: MoveSpec = { op: 'Probe', locations: [at().location] }
const owner = {
  apiVersion: 'granary.dev/v1alpha1',
  kind: 'Dataset',
  metadata: { name: 'd', namespace: 'ns', uid: 'u1' },
}
const config = { moverImage: 'granary:1', moverResources: { requests: { cpu: '100m' }, limits: { memory: '512Mi' } } }

interface PodTemplate {
  metadata: { labels: Record<string, string> }
  spec: {
    serviceAccountName?: string
    securityContext: Record<string, unknown>
    containers: {
      securityContext: Record<string, unknown>
      volumeMounts: object[]
      env: { value: string }[]
      resources: object
    }[]
    volumes: object[]
    [key: string]: unknown
  }
}
const template = (more: Partial<MoverJobInput> = {}) =>
  moverJob({ spec, attempt: 2, namespace: 'ns', owner, locations: [], config, ...more }).spec.template as PodTemplate

test('name, labels and owner', () => {
  const job = moverJob({ spec, attempt: 2, namespace: 'ns', owner, dataset: 'd', version: 'v3', locations: [], config })
  expect(job.metadata.name).toBe('granary-probe-u1-2')
  expect(job.metadata.ownerReferences?.[0]).toMatchObject({ kind: 'Dataset', uid: 'u1', controller: true })
  const labels = {
    'granary.dev/owner-uid': 'u1',
    'granary.dev/role': 'mover',
    'granary.dev/dataset': 'd',
    'granary.dev/version': 'v3',
  }
  expect(job.metadata.labels).toMatchObject(labels)
  expect((job.spec.template as PodTemplate).metadata.labels).toMatchObject(labels)
  expect(job.spec.backoffLimit).toBe(0)
})

test('an owner in another namespace is a label, not a reference', () => {
  const job = moverJob({ spec, attempt: 1, namespace: 'other', owner, locations: [], config })
  expect(job.metadata.ownerReferences).toEqual([])
  expect(job.metadata.labels?.['granary.dev/owner-uid']).toBe('u1')
})

test('the restricted pod security standard, no token', () => {
  const pod = template().spec
  expect(pod).toMatchObject({ automountServiceAccountToken: false, enableServiceLinks: false, restartPolicy: 'Never' })
  expect(pod.securityContext).toEqual({
    runAsNonRoot: true,
    runAsUser: 65532,
    runAsGroup: 65532,
    seccompProfile: { type: 'RuntimeDefault' },
  })
  expect(pod.containers[0]?.securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ['ALL'] },
  })
  expect(pod.containers[0]?.volumeMounts).toEqual([{ name: 'tmp', mountPath: '/tmp' }])
})

test('users may not weaken it by settings', () => {
  const settings = { securityContext: { runAsUser: 0, runAsNonRoot: false, seLinuxOptions: { level: 's0' } } }
  expect(template({ settings }).spec.securityContext).toMatchObject({
    runAsUser: 65532,
    runAsNonRoot: true,
    seLinuxOptions: { level: 's0' },
  })
})

test('a writer lends its uid, gid and groups', () => {
  const runAs = { uid: 1000, gid: 100, groups: [2000] }
  expect(template({ runAs }).spec.securityContext).toMatchObject({
    runAsUser: 1000,
    runAsGroup: 100,
    supplementalGroups: [2000],
  })
  const root = template({ runAs: { uid: 0, gid: 0 } }).spec
  expect(root.securityContext).toMatchObject({ runAsUser: 0, runAsNonRoot: false })
  expect(root.containers[0]?.securityContext.capabilities).toEqual({ drop: ['ALL'], add: ['DAC_OVERRIDE'] })
})

test('the group changes only on a volume that Granary fills', () => {
  expect(template({ data: { claimName: 'c', readOnly: true } }).spec.securityContext).not.toHaveProperty('fsGroup')
  expect(template({ data: { claimName: 'c', readOnly: false, fill: true } }).spec.securityContext).toMatchObject({
    fsGroup: 65532,
    fsGroupChangePolicy: 'OnRootMismatch',
  })
})

test('credentials and CA are optional mounts, and no value of them is in the Job', () => {
  const access = moverAccess('store', {
    s3: { bucket: 'b' },
    prefix: '',
    credentials: { secretName: 'keys' },
    caConfigMapName: 'ca',
  })
  const pod = template({ locations: [access] }).spec
  expect(pod.volumes).toContainEqual({
    name: 'credentials-store',
    secret: { secretName: 'keys', optional: true, defaultMode: 0o444 },
  })
  expect(pod.volumes).toContainEqual({ name: 'ca-store', configMap: { name: 'ca', optional: true } })
  expect(pod.containers[0]?.volumeMounts).toContainEqual({
    name: 'credentials-store',
    mountPath: '/credentials/store',
    readOnly: true,
  })
  expect(JSON.parse(pod.containers[0]?.env[0]?.value ?? '')).toEqual(spec)
})

test('the pod runs as the service account of its locations', () => {
  expect(template({ locations: [at({ serviceAccountName: 'reader' }), at()] }).spec.serviceAccountName).toBe('reader')
  expect(template({ locations: [at()] }).spec).not.toHaveProperty('serviceAccountName')
})

test('settings of the Dataset win over those of the config, our labels over theirs', () => {
  const { metadata, spec: pod } = template({
    settings: {
      resources: { limits: { memory: '1Gi' } },
      podLabels: { team: 'a', 'granary.dev/role': 'none' },
      nodeSelector: { disk: 'fast' },
    },
  })
  expect(pod.containers[0]?.resources).toEqual({ limits: { memory: '1Gi' } })
  expect(pod.nodeSelector).toEqual({ disk: 'fast' })
  expect(metadata.labels).toMatchObject({ team: 'a', 'granary.dev/role': 'mover' })
})

test('what a location needs is mounted: a store writable and given to the mover, a source read-only in every way', () => {
  const store = moverAccess('store', {
    directory: { kind: 'claim', label: 'claim s' },
    prefix: '',
    mount: { claimName: 's', readOnly: false },
  })
  const source = moverAccess('source', {
    directory: { kind: 'claim', label: 'claim w' },
    prefix: '',
    mount: { claimName: 'w', readOnly: true },
  })
  const pod = template({ locations: [store, source] }).spec
  expect(pod.volumes).toContainEqual({ name: 'location-store', persistentVolumeClaim: { claimName: 's' } })
  expect(pod.volumes).toContainEqual({
    name: 'location-source',
    persistentVolumeClaim: { claimName: 'w', readOnly: true },
  })
  const mounts = pod.containers[0]?.volumeMounts
  expect(mounts).toContainEqual({ name: 'location-store', mountPath: '/store', readOnly: false })
  expect(mounts).toContainEqual({ name: 'location-source', mountPath: '/sources/source', readOnly: true })
  expect(pod.securityContext).toMatchObject({ fsGroup: 65532, fsGroupChangePolicy: 'OnRootMismatch' })
  // A writer's volume in the same pod would be given to the mover too.
  const finalizing = template({ locations: [store], data: { claimName: 'out', readOnly: true } }).spec
  expect(finalizing.securityContext).not.toHaveProperty('fsGroup')
})

test('a ConfigMap may be missing; long lists travel in an annotation, not in the environment', () => {
  const map = moverAccess('source', { configMap: { name: 'labels' }, prefix: '', mount: { configMapName: 'labels' } })
  expect(template({ locations: [map] }).spec.volumes).toContainEqual({
    name: 'location-source',
    configMap: { name: 'labels', optional: true },
  })
  const text = packTexts({ a: 'x'.repeat(100_000) })
  const listed = moverAccess('source', { document: 'inline', prefix: '', mount: { document: text } })
  const { metadata, spec: pod } = template({ locations: [listed] }) as PodTemplate & {
    metadata: { annotations: object }
  }
  expect(metadata.annotations).toEqual({ 'granary.dev/document-source': text })
  expect(pod.volumes).toContainEqual({
    name: 'location-source',
    downwardAPI: {
      items: [{ path: 'document', fieldRef: { fieldPath: "metadata.annotations['granary.dev/document-source']" } }],
    },
  })
  expect(pod.containers[0]?.env[0]?.value.length).toBeLessThan(1000)
})
