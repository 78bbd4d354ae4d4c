import type { KubeObject, OwnerReference } from '../../api/meta.ts'
import type { PodObject } from '../../desired/objects.ts'
import type { Writer, WriterState } from './writer.ts'

/** An Argo Workflow, as far as it says which of its steps have ended. */
interface WorkflowObject extends KubeObject {
  status?: {
    phase?: string
    /** Absent where the list is too long to be kept in the object (compressed or in a database). */
    nodes?: Record<string, { id: string; type?: string; phase?: string; children?: string[] }>
  }
}

const nodeIdAnnotation = 'workflows.argoproj.io/node-id'

/** Node ids are the workflow's name, or that with a hash; the hash is short enough to be kept beside the uid. */
const root = 'root'
const toUid = (uid: string, workflow: string, id: string): string =>
  `${uid}/${id === workflow ? root : id.slice(workflow.length + 1)}`

const idOf = ({ name, uid }: Writer): string => {
  const hash = uid.slice(uid.indexOf('/') + 1)
  return hash === root ? name : `${name}-${hash}`
}

/** The step of the workflow that this pod runs: the one that holds its retries, if there is one. */
export const workflowNode = (pod: PodObject, owner: OwnerReference, object: KubeObject | undefined): Writer => {
  const nodes = (object as WorkflowObject | undefined)?.status?.nodes ?? {}
  const id = pod.metadata.annotations?.[nodeIdAnnotation] ?? pod.metadata.name
  const retry = Object.values(nodes).find((node) => node.type === 'Retry' && node.children?.includes(id))
  return { kind: owner.kind, name: owner.name, uid: toUid(owner.uid, owner.name, retry?.id ?? id) }
}

export const workflowOf = ({ uid }: Writer, owners: readonly KubeObject[]): KubeObject | undefined =>
  owners.find((object) => object.metadata.uid === uid.split('/')[0])

const ends: Record<string, 'Succeeded' | 'Failed'> = {
  Succeeded: 'Succeeded',
  Skipped: 'Succeeded',
  Omitted: 'Succeeded',
  Failed: 'Failed',
  Error: 'Failed',
}

/** A step that has not ended when its workflow has will not be started again. */
export const workflowNodeState = (writer: Writer, object: KubeObject | undefined): WriterState => {
  const workflow = object as WorkflowObject | undefined
  if (workflow === undefined) return 'Gone'
  const whole = ends[workflow.status?.phase ?? '']
  const node = workflow.status?.nodes?.[idOf(writer)]
  const own = ends[node?.phase ?? '']
  if (own !== undefined) return own
  if (whole !== undefined) return node === undefined ? whole : 'Failed'
  return workflow.metadata.deletionTimestamp === undefined ? 'Running' : 'Deleted'
}
