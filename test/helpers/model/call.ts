import type { KubeObject } from '../../../src/kube/types.ts'

/** The program died at this call. Only `drive` catches it. */
export class CrashError extends Error {
  override readonly name = 'CrashError'
  constructor(call: Call, when: string) {
    super(`crash ${when} call ${call.n}: ${call.verb} ${call.kind} ${call.key}`)
  }
}

export interface Call {
  /** From 1. */
  n: number
  verb: 'create' | 'apply' | 'applyStatus' | 'patch' | 'delete'
  kind: string
  key: string
}

export type Listener = (object: KubeObject | undefined, old: KubeObject | undefined) => void
