import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parse } from 'yaml'
import type { ClusterApi, KubeObject } from './api.ts'
import { drivers, reachParameter } from './csi/drivers.ts'
import { repository } from './paths.ts'
import { run } from './shell.ts'
import { waitFor } from './wait.ts'

const storageClass = (
  name: string,
  driver: string,
  volumeBindingMode: string,
  more: { isDefault?: boolean; parameters?: Record<string, string> } = {},
) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'StorageClass',
  metadata: { name, annotations: { 'storageclass.kubernetes.io/is-default-class': `${more.isDefault ?? false}` } },
  provisioner: driver,
  reclaimPolicy: 'Delete',
  volumeBindingMode,
  parameters: more.parameters ?? {},
})

const csiDriver = (name: string) => ({
  apiVersion: 'storage.k8s.io/v1',
  kind: 'CSIDriver',
  metadata: { name },
  spec: { attachRequired: false, podInfoOnMount: false, fsGroupPolicy: 'File', volumeLifecycleModes: ['Persistent'] },
})

/** Storage classes of the cluster: what each is for is in their names and modes. */
const storage: { path: string; object: KubeObject }[] = [
  ...Object.values(drivers).map(({ name }) => ({
    path: `/apis/storage.k8s.io/v1/csidrivers/${name}`,
    object: csiDriver(name),
  })),
  ...[
    storageClass('fast', drivers.dir.name, 'WaitForFirstConsumer', { isDefault: true }),
    storageClass('immediate', drivers.dir.name, 'Immediate'),
    storageClass('anywhere', drivers.dir.name, 'Immediate', { parameters: { [reachParameter]: 'any' } }),
    storageClass('plain', drivers.plain.name, 'WaitForFirstConsumer'),
    storageClass('shared', drivers.shared.name, 'Immediate', { parameters: { [reachParameter]: 'any' } }),
  ].map((object) => ({ path: `/apis/storage.k8s.io/v1/storageclasses/${object.metadata.name}`, object })),
]

const snapshotClass = {
  apiVersion: 'snapshot.storage.k8s.io/v1',
  kind: 'VolumeSnapshotClass',
  metadata: { name: 'fast-snap', annotations: { 'snapshot.storage.kubernetes.io/is-default-class': 'true' } },
  driver: drivers.dir.name,
  deletionPolicy: 'Delete',
}

const snapshotModule = 'github.com/kubernetes-csi/external-snapshotter/client/v8'
const snapshotKinds = ['volumesnapshots', 'volumesnapshotcontents', 'volumesnapshotclasses']

/** The snapshot resources' definitions, of the release that the snapshotter is built with. */
const snapshotDefinitions = async (): Promise<KubeObject[]> => {
  const module = join(repository, 'scripts', 'cluster', 'go', 'snapshotter')
  const answer = JSON.parse(await run('go', ['-C', module, 'mod', 'download', '-json', snapshotModule])) as {
    Dir: string
  }
  const file = (kind: string) => join(answer.Dir, 'config', 'crd', `snapshot.storage.k8s.io_${kind}.yaml`)
  const texts = await Promise.all(snapshotKinds.map((kind) => readFile(file(kind), 'utf8')))
  return texts.map((text) => parse(text) as KubeObject)
}

/** Makes the definitions that the snapshot controllers insist on when they start. */
export const applySnapshotDefinitions = async (api: ClusterApi): Promise<void> => {
  const definitions = '/apis/apiextensions.k8s.io/v1/customresourcedefinitions'
  for (const object of await snapshotDefinitions()) await api.apply(`${definitions}/${object.metadata.name}`, object)
  const group = '/apis/snapshot.storage.k8s.io/v1'
  const served = async () => {
    const found = await api.find<{ resources: { name: string }[] }>(group)
    return snapshotKinds.every((kind) => found?.resources.some(({ name }) => name === kind))
  }
  await waitFor('the snapshot resources to be served', served, 30)
  await api.apply(`${group}/volumesnapshotclasses/${snapshotClass.metadata.name}`, snapshotClass)
}

/** Makes drivers' objects and storage classes. */
export const applyStorage = async (api: ClusterApi): Promise<void> => {
  for (const { path, object } of storage) await api.apply(path, object)
}
