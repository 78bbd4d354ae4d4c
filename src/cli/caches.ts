import * as kinds from '../api/kinds.ts'
import { managedBy, managedByLabel } from '../api/names.ts'
import { kindKey } from '../kube/kind-of.ts'
import type { CacheSpec, IndexFunction, KubeObject } from '../kube/types.ts'

/** Index functions by plural, then by name: what a controller reads by. */
export type Indexes = Partial<Record<string, Record<string, IndexFunction>>>

type Tree = Record<string, unknown>

const pick = (object: unknown, keys: string[]): Tree | undefined => {
  if (typeof object !== 'object' || object === null) return undefined
  return Object.fromEntries(Object.entries(object).filter(([key, value]) => keys.includes(key) && value !== undefined))
}

/** Who it is, whose, and on its way out: enough of anybody's metadata. */
const metadataOf = ({ metadata }: KubeObject) =>
  pick(metadata, [
    ...[
      'name',
      'namespace',
      'uid',
      'resourceVersion',
      'creationTimestamp',
      'deletionTimestamp',
      'deletionGracePeriodSeconds',
    ],
    ...['labels', 'annotations', 'ownerReferences', 'finalizers'],
  ]) as unknown as KubeObject['metadata']

const containers = (list: unknown) =>
  (list as Tree[] | undefined)?.map((each) =>
    pick(each, ['name', 'restartPolicy', 'securityContext', 'volumeMounts', 'volumeDevices']),
  )

/** Pods are many and large; of them only what says which volumes they use, as whom, and how they end. */
export const projectPod = (pod: KubeObject): KubeObject => {
  const { spec, status } = pod as KubeObject & { spec?: Tree; status?: Tree }
  const volumes = (spec?.volumes as Tree[] | undefined)
    ?.filter((volume) => volume.persistentVolumeClaim || volume.ephemeral)
    .map((volume) => pick(volume, ['name', 'persistentVolumeClaim', 'ephemeral']))
  const kept = {
    ...pick(spec, ['nodeName', 'restartPolicy', 'schedulingGates']),
    securityContext: pick(spec?.securityContext, ['runAsUser', 'runAsGroup', 'supplementalGroups', 'fsGroup']),
    volumes,
    containers: containers(spec?.containers),
    initContainers: containers(spec?.initContainers),
  }
  const statusKept = pick(status, [
    'phase',
    'reason',
    'message',
    'conditions',
    'containerStatuses',
    'initContainerStatuses',
  ])
  return { ...identity(pod), spec: defined(kept), status: statusKept } as KubeObject
}

/** Of other people's Jobs only how they are doing; ours are kept as they are. */
export const projectJob = (job: KubeObject): KubeObject => {
  if (job.metadata.labels?.[managedByLabel] === managedBy) return job
  const { spec, status } = job as KubeObject & { spec?: Tree; status?: Tree }
  return {
    ...identity(job),
    spec: pick(spec, ['backoffLimit', 'suspend', 'completions', 'parallelism']),
    status,
  } as KubeObject
}

const identity = (object: KubeObject): KubeObject => ({
  apiVersion: object.apiVersion,
  kind: object.kind,
  metadata: metadataOf(object),
})

const defined = (tree: Tree): Tree =>
  Object.fromEntries(Object.entries(tree).filter(([, value]) => value !== undefined))

/** Everything that the operator watches, with the indexes that its controllers read by. */
export const cacheSpecs = (indexes: Indexes[]): CacheSpec[] => {
  const specs: CacheSpec[] = [
    { kind: kinds.Dataset },
    { kind: kinds.DatasetVersion },
    { kind: kinds.StorageProvider },
    { kind: kinds.VolumeCache },
    { kind: kinds.Claim },
    { kind: kinds.Volume },
    { kind: kinds.Pod, project: projectPod },
    { kind: kinds.Job, project: projectJob },
    { kind: kinds.StorageClass },
    { kind: kinds.VolumeSnapshot, optional: true },
    { kind: kinds.VolumeSnapshotClass, optional: true },
    { kind: kinds.Namespace },
  ]
  const merged = mergeIndexes(indexes)
  const unknown = [...merged.keys()].filter(
    (plural) => !specs.some(({ kind }) => kind.plural === plural || kindKey(kind) === plural),
  )
  if (unknown.length > 0) throw new Error(`indexes of ${unknown.join(', ')}, which no cache holds`)
  return specs.map((spec) => ({
    ...spec,
    indexes: { ...merged.get(spec.kind.plural), ...merged.get(kindKey(spec.kind)) },
  }))
}

const mergeIndexes = (indexes: Indexes[]): Map<string, Record<string, IndexFunction>> => {
  const merged = new Map<string, Record<string, IndexFunction>>()
  for (const [plural, functions = {}] of indexes.flatMap((each) => Object.entries(each))) {
    const known = merged.get(plural) ?? {}
    for (const [name, index] of Object.entries(functions)) {
      if (known[name] && known[name] !== index) throw new Error(`two different indexes ${name} of ${plural}`)
      known[name] = index
    }
    merged.set(plural, known)
  }
  return merged
}
