import type { Logger } from 'pino'
import type { MoveLocation, MoveSpec, Operation } from '../api/move.ts'
import type { MoveDone } from '../api/move-result.ts'
import type { ObjectStore } from '../stores/object-store.ts'
import type { Progress } from './progress.ts'

/** What every operation is given. */
export interface MoveDeps {
  /** Stores are closed when the operation is over. */
  openStore(location: MoveLocation): Promise<ObjectStore>
  /** Where the volume is mounted: /data. */
  data: string
  progress: Progress
  log: Logger
  /** ms since 1970; default: the clock of this machine. */
  now?: () => number
  /** Aborted on SIGTERM. */
  signal: AbortSignal
}

export type SpecOf<Op extends Operation> = Extract<MoveSpec, { op: Op }>
export type DoneOf<Op extends Operation> = Extract<MoveDone, { op: Op }>

/** Idempotent: it may have run before, to any point, and may run again after it was done. Ends in what it found, or throws. */
export type Run<Op extends Operation> = (deps: MoveDeps, spec: SpecOf<Op>) => Promise<DoneOf<Op>>
