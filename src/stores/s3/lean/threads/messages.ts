import type { Algorithm, Sums } from '../../../hashing/sums.ts'
import type { Expected } from '../answer.ts'
import type { ConnectionsOptions } from '../connections.ts'
import type { ResponseHead } from '../response-head.ts'
import type { Site } from '../site.ts'

/** What a thread is started with. */
export interface ThreadOptions extends ConnectionsOptions {
  site: Site
}

export type ToFetcher =
  /** From now on this thread sums the file up. */
  | { do: 'open'; file: number; fd: number | undefined; algorithms: Algorithm[] }
  /** Another thread has written bytes of it. */
  | { do: 'written'; file: number; start: number; end: number }
  /** Either is the last that is heard of a file. */
  | { do: 'finish'; id: number; file: number; size: number }
  | { do: 'abandon'; id: number; file: number }
  /** One exchange, whose bytes go into the file from `expected.at` on. */
  | {
      do: 'get'
      id: number
      file: number
      fd: number | undefined
      request: (Uint8Array | string)[]
      expected: Expected
    }
  | { do: 'stop'; id: number }

/** Where something went wrong, and how: errors lose what makes them typed on the way between threads. */
export interface Failure {
  at: 'network' | 'answer' | 'here' | 'stopped'
  message: string
  code?: string | undefined
  syscall?: string | undefined
}

export interface Fetched {
  /** The head, if it came, and whether the body was taken. */
  head?: ResponseHead | undefined
  taken: boolean
  /** Bytes that were written and not told of yet. */
  count: number
  failure?: Failure | undefined
  /** How much of its time the thread was at work since the last answer: from 0 to 1. */
  busy: number
}

export type FromFetcher =
  | { id: number; count: number }
  | { id: number; fetched: Fetched }
  | { id: number; sums: Sums }
  | { id: number; failure: Failure }
