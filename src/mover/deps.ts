import type { Logger } from 'pino'
import type { MoveLocation } from '../api/move.ts'
import type { ObjectStore } from '../stores/object-store.ts'

/** Where an operation says how far it is. */
export interface Progress {
  /** What there is to do in all; may be said again when more is known. */
  expect(files: number, bytes: number): void
  /** Bytes that were read, copied or written just now. */
  bytes(count: number): void
  /** One more file is done. */
  file(): void
}

/** What every operation of a mover gets. */
export interface MoverDeps {
  openStore(location: MoveLocation): Promise<ObjectStore>
  log: Logger
  progress: Progress
  signal: AbortSignal
  now(): Date
}
