import type { Dataset } from '../../../src/api/dataset.ts'
import type { DatasetVersion, DatasetVersionStatus } from '../../../src/api/dataset-version.ts'
import type { KubeObject } from '../../../src/api/meta.ts'
import type { ClaimConfig } from '../../../src/controllers/claim/world.ts'
import type { Claim, StorageClass } from '../../../src/desired/volumes.ts'
import { ModelApi } from '../../helpers/model-api.ts'

export const config: ClaimConfig = {
  moverImage: 'granary:test',
  moverResources: {},
  rescueNamespace: 'granary-rescue',
}

export const digestOf = (sequence: number): string => String(sequence).padStart(64, 'd')

export const datasetVersion = (
  sequence: number,
  status: Partial<DatasetVersionStatus> = {},
  more: { name?: string; spec?: object; annotations?: Record<string, string>; finalizers?: string[] } = {},
): DatasetVersion =>
  ({
    apiVersion: 'granary.dev/v1alpha1',
    kind: 'DatasetVersion',
    metadata: {
      name: more.name ?? `mnist-v${sequence}`,
      namespace: 'vision',
      ...(more.annotations === undefined ? {} : { annotations: more.annotations }),
      ...(more.finalizers === undefined ? {} : { finalizers: more.finalizers }),
    },
    spec: { dataset: 'mnist', ...more.spec },
    status: {
      phase: 'Committed',
      sequence,
      version: `v${sequence}`,
      digest: digestOf(sequence),
      rootDigest: digestOf(sequence),
      files: 10,
      bytes: 1_000_000,
      ...status,
    },
  }) as DatasetVersion

export const dataset = (spec: object = {}, status: object = {}): Dataset =>
  ({
    apiVersion: 'granary.dev/v1alpha1',
    kind: 'Dataset',
    metadata: { name: 'mnist', namespace: 'vision' },
    spec: { store: { s3: { bucket: 'data' }, credentials: { secretName: 'keys' } }, ...spec },
    status: {
      store: { kind: 's3', bucket: 'data', prefix: 'granary/vision/mnist/' },
      tags: [{ name: 'prod', version: 'v1', movedAt: '2026-01-01T00:00:00Z' }],
      ...status,
    },
  }) as unknown as Dataset

export const claim = (
  annotations: Record<string, string> = {},
  more: { name?: string; namespace?: string; spec?: Partial<Claim['spec']>; labels?: Record<string, string> } = {},
): Claim => ({
  apiVersion: 'v1',
  kind: 'PersistentVolumeClaim',
  metadata: {
    name: more.name ?? 'data',
    namespace: more.namespace ?? 'vision',
    annotations,
    ...(more.labels === undefined ? {} : { labels: more.labels }),
  },
  spec: {
    accessModes: ['ReadWriteOnce'],
    resources: { requests: { storage: '1Gi' } },
    storageClassName: 'now',
    dataSourceRef: { apiGroup: 'granary.dev', kind: 'Dataset', name: 'mnist' },
    ...more.spec,
  },
  status: { phase: 'Pending' },
})

export const storageClass = (
  name: string,
  volumeBindingMode: StorageClass['volumeBindingMode'] & string,
  provisioner = 'model.csi',
): StorageClass => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name },
  provisioner,
  volumeBindingMode,
})

export const pod = (claimName: string, more: { name?: string; namespace?: string; labels?: object } = {}): KubeObject =>
  ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: more.name ?? 'user', namespace: more.namespace ?? 'vision' },
    spec: { containers: [{ name: 'main' }], volumes: [{ name: 'data', persistentVolumeClaim: { claimName } }] },
    status: { phase: 'Pending' },
  }) as KubeObject

/** A cluster with a node, two classes, and Dataset mnist with v1 and v2. */
export const model = (...objects: KubeObject[]): ModelApi => {
  const api = new ModelApi()
  for (const name of ['vision', 'serving', 'granary-rescue'])
    api.seed({ apiVersion: 'v1', kind: 'Namespace', metadata: { name, labels: { team: name } } })
  api.seed({ apiVersion: 'v1', kind: 'Node', metadata: { name: 'node-1' } })
  api.seed(storageClass('now', 'Immediate'))
  api.seed(storageClass('later', 'WaitForFirstConsumer'))
  const seeded = new Set(objects.map((object) => `${object.kind}/${object.metadata.name}`))
  for (const object of [dataset(), datasetVersion(1), datasetVersion(2)])
    if (!seeded.has(`${object.kind}/${object.metadata.name}`)) api.seed(object)
  for (const object of objects) api.seed(object)
  return api
}
