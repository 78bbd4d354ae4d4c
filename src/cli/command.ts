import type { KubeClient } from '../kube/client.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { StoreAddress } from '../stores/open.ts'

export type Format = 'table' | 'wide' | 'json' | 'yaml'

/** What a verb works with; nothing of it is global. */
export interface Context {
  client: KubeClient
  /** Of `--namespace`, else of the kubeconfig's context. */
  namespace: string
  /** `--namespace` was given. */
  namespaceGiven: boolean
  allNamespaces: boolean
  format: Format
  /** Ends in `--wait`: how long, in ms. Absent: not at all. */
  wait?: number
  /** The result: text, without the last line feed. */
  print(text: string): void
  /** Bytes as they are. */
  write(bytes: Uint8Array): Promise<void>
  /** A word to the person that is no result. */
  note(text: string): void
  /** ms since 1970 */
  now(): number
  sleep(ms: number): Promise<void>
  /** With the credentials of the person's own environment. */
  openStore(address: StoreAddress): Promise<ObjectStore>
  signal: AbortSignal
}

export type Flags = Record<string, string | boolean | undefined>

/** Fails with a CommandError where the exit code is to say something of its own. */
export type Run = (context: Context, args: string[], flags: Flags) => Promise<void>

export interface Flag {
  type: 'string' | 'boolean'
  /** What stands for its value: `N/T`. */
  value?: string
  summary: string
}

/** A verb as it is typed and explained. What it does is loaded when it is called. */
export interface Command {
  /** What follows its name: `NAME TAG VERSION`, with what may be left out in brackets, and `…` after what may repeat. */
  args: string
  summary: string
  flags?: Record<string, Flag>
  /** Common flags that mean something for it; `namespace`, `context` and `kubeconfig` always do. */
  takes?: ('output' | 'wait' | 'allNamespaces')[]
  load(): Promise<Run>
}
