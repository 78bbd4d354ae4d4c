/** Who writes: what would start a pod again if it failed, or the pod itself. `uid` tells two of the same name apart. */
export interface Writer {
  kind: string
  name: string
  uid: string
}

/** What became of a writer. Stopped: told to end (scaled to 0). Deleted: being deleted before it finished. Gone: not there any more. */
export type WriterState = 'Running' | 'Succeeded' | 'Failed' | 'Stopped' | 'Deleted' | 'Gone'
