import type { EventSpec } from './types.ts'

/** Where events go. Never throws and never waits: an event that is lost is no reason to stop. */
export interface EventRecorder {
  record(event: EventSpec): void
}
