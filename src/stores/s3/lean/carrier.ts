import type { Receiver } from './connection.ts'
import type { ResponseHead } from './response-head.ts'

/**
 * How an exchange is made: over a connection of this thread, or by another one, which puts the bytes where they belong itself and hands none of them to
 * the receiver.
 */
export type Carrier = (
  request: (Uint8Array | string)[],
  receiver: Receiver,
  signal: AbortSignal | undefined,
) => Promise<ResponseHead>
