/** The parts of ObjectMeta that Granary reads or writes. Times are RFC 3339 strings, as the API server sends them. */
export interface ObjectMeta {
  name: string
  namespace?: string
  generateName?: string
  uid?: string
  resourceVersion?: string
  generation?: number
  creationTimestamp?: string
  deletionTimestamp?: string
  labels?: Record<string, string>
  annotations?: Record<string, string>
  finalizers?: string[]
  ownerReferences?: OwnerReference[]
}

export interface OwnerReference {
  apiVersion: string
  kind: string
  name: string
  uid: string
  controller?: boolean
  blockOwnerDeletion?: boolean
}

/** metav1.Condition. */
export interface Condition {
  type: string
  status: 'True' | 'False' | 'Unknown'
  reason: string
  message: string
  lastTransitionTime: string
  observedGeneration?: number
}

/** Any Kubernetes object. What a controller uses of it, it narrows with a type of its own. */
export interface KubeObject {
  apiVersion: string
  kind: string
  metadata: ObjectMeta
}

/** A kind as the API server's paths need it. */
export interface Kind {
  apiVersion: string
  kind: string
  plural: string
  namespaced: boolean
}

/** Names one object. `uid` where it must be that very one (deletes always). */
export interface Ref {
  kind: Kind
  namespace?: string
  name: string
  uid?: string
}
