import type { JsonPatchOp, Kind, KubeObject, Ref } from './types.ts'

export interface CallOptions {
  signal?: AbortSignal
}

export interface ListOptions extends CallOptions {
  /** All namespaces when absent. */
  namespace?: string
  labelSelector?: string
  fieldSelector?: string
}

export interface ObjectList<T extends KubeObject = KubeObject> {
  items: T[]
  /** Where a watch goes on from. */
  resourceVersion: string
}

/** BOOKMARK carries nothing but a newer resourceVersion. An ERROR event is thrown as ApiError, never yielded. */
export interface WatchEvent {
  type: 'ADDED' | 'MODIFIED' | 'DELETED' | 'BOOKMARK'
  object: KubeObject
}

export interface WatchOptions {
  resourceVersion: string
  namespace?: string
  labelSelector?: string
  /** Ends the generator with an AbortError. */
  signal: AbortSignal
}

export interface PatchOptions extends CallOptions {
  subresource?: 'status'
  fieldManager?: string
}

/**
 * The API server, as raw JSON. Every method rejects with ApiError for an answer that is no success, and with another Error when there was no answer.
 * test/helpers/model-api.ts implements the same in memory.
 */
export interface KubeClient {
  get<T extends KubeObject>(ref: Ref, options?: CallOptions): Promise<T>
  /** All pages. Items carry apiVersion and kind. */
  list<T extends KubeObject>(kind: Kind, options?: ListOptions): Promise<ObjectList<T>>
  /** POST. `metadata.namespace` says whether the kind is namespaced. */
  create<T extends KubeObject>(object: T, options?: PatchOptions): Promise<T>
  /** Server-side apply with force: `object` has exactly the fields that `fieldManager` wants; those it applied before and are missing now go. */
  apply<T extends KubeObject>(object: T, fieldManager: string, options?: CallOptions): Promise<T>
  /**
   * Server-side apply of `status` alone. Of `object`'s metadata name, namespace, uid and resourceVersion count: the latter two, where present, must still hold.
   * The server does not look at the uid here, so without a resourceVersion it costs a GET.
   */
  applyStatus<T extends KubeObject>(
    object: T,
    status: Record<string, unknown>,
    fieldManager: string,
    options?: CallOptions,
  ): Promise<T>
  /** JSON patch; a failed `test` is an ApiError with `isConflict`. */
  patch<T extends KubeObject>(ref: Ref, ops: JsonPatchOp[], options?: PatchOptions): Promise<T>
  /** With uid precondition and propagationPolicy Background. Another uid is a conflict; NotFound rejects. */
  delete(ref: Ref & { uid: string }, options?: CallOptions): Promise<void>
  /** Ends by itself when the server ends the watch (after some minutes): go on from the last resourceVersion. */
  watch(kind: Kind, options: WatchOptions): AsyncGenerator<WatchEvent, void, undefined>
  /** The last `tailLines` lines of a pod's (first) container. */
  logs(namespace: string, pod: string, tailLines: number, options?: CallOptions): Promise<string>
}
