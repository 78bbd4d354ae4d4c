import { Deployment, Job, ReplicaSet, StatefulSet, TaskRun, Workflow } from '../../api/kinds.ts'
import type { Kind, KubeObject, OwnerReference } from '../../api/meta.ts'
import { isTrue, type JobObject, type PodObject } from '../../desired/objects.ts'
import { workflowNode, workflowNodeState, workflowOf } from './workflow.ts'
import type { Writer, WriterState } from './writer.ts'

/** Kinds that start pods again. Pods of any other controller are looked at one by one. */
export const writerKinds: readonly Kind[] = [Job, TaskRun, Workflow, ReplicaSet, Deployment, StatefulSet]

export const kindOfWriter = (kind: string): Kind | undefined => writerKinds.find((known) => known.kind === kind)

/** The controller of an object, if it is one that starts pods again. */
export const knownController = ({ metadata }: KubeObject): OwnerReference | undefined =>
  metadata.ownerReferences?.find(
    (owner) =>
      owner.controller === true &&
      // Groups, not versions: a Tekton TaskRun may be owned as v1 or v1beta1.
      writerKinds.some(
        (known) => known.kind === owner.kind && known.apiVersion.split('/')[0] === owner.apiVersion.split('/')[0],
      ),
  )

const byUid = (objects: readonly KubeObject[], uid: string): KubeObject | undefined =>
  objects.find((object) => object.metadata.uid === uid)

const asWriter = ({ kind, name, uid }: OwnerReference): Writer => ({ kind, name, uid })

/** Who writes through this pod. */
export const writerOf = (pod: PodObject, owners: readonly KubeObject[]): Writer => {
  const owner = knownController(pod)
  if (owner === undefined) return { kind: 'Pod', name: pod.metadata.name, uid: pod.metadata.uid ?? '' }
  const object = byUid(owners, owner.uid)
  if (owner.kind === Workflow.kind) return workflowNode(pod, owner, object)
  const above = object === undefined ? undefined : knownController(object)
  return asWriter(owner.kind === ReplicaSet.kind && above?.kind === Deployment.kind ? above : owner)
}

const conditionStatus = (object: KubeObject, type: string): string | undefined =>
  (object as JobObject).status?.conditions?.find((condition) => condition.type === type)?.status

const finish = (object: KubeObject): 'Succeeded' | 'Failed' | undefined => {
  if (object.kind === Job.kind) {
    if (isTrue(object as JobObject, 'Complete')) return 'Succeeded'
    return isTrue(object as JobObject, 'Failed') ? 'Failed' : undefined
  }
  const succeeded = conditionStatus(object, 'Succeeded')
  if (succeeded === 'True') return 'Succeeded'
  return succeeded === 'False' ? 'Failed' : undefined
}

/** Kinds that have no end of their own: they are done when they are told to. */
export const isService = (kind: string): boolean =>
  kind === ReplicaSet.kind || kind === Deployment.kind || kind === StatefulSet.kind

/** What became of a writer other than a bare pod, by the objects that there are. */
export const stateOf = (writer: Writer, owners: readonly KubeObject[]): WriterState => {
  if (writer.kind === Workflow.kind) return workflowNodeState(writer, workflowOf(writer, owners))
  const object = byUid(owners, writer.uid)
  if (object === undefined) return 'Gone'
  if (isService(writer.kind)) {
    if (object.metadata.deletionTimestamp !== undefined) return 'Deleted'
    return (object as { spec?: { replicas?: number } }).spec?.replicas === 0 ? 'Stopped' : 'Running'
  }
  return finish(object) ?? (object.metadata.deletionTimestamp === undefined ? 'Running' : 'Deleted')
}
