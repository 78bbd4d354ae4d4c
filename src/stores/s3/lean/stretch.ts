import type { ObjectInfo } from '../../object-store.ts'
import { pause, TransientError } from '../../retry.ts'
import { checkAnswer, type Expected } from './answer.ts'
import type { LeanRequest } from './request-text.ts'
import type { ResponseHead } from './response-head.ts'
import { type Lean, send } from './send.ts'
import { emptyPayload, encode } from './sigv4.ts'
import type { ThreadFile } from './threads/fetch-threads.ts'

/** One stretch of one state of an object: all of it, or a range. */
export interface Stretch {
  key: string
  /** Of the whole object. */
  size: number
  version?: string | undefined
  ifMatch?: string | undefined
  /** First byte, and the one after the last. */
  start: number
  end: number
  into: Sink
  signal?: AbortSignal | undefined
}

export type Sink =
  /** Takes bytes and where they stand in the object; they are good during the call only. */
  | { take: (chunk: Buffer, at: number) => void }
  /** Another thread writes them; `arrived` hears how many. */
  | { file: ThreadFile; arrived: (count: number) => void }

interface Pin {
  version?: string | undefined
  ifMatch?: string | undefined
}

const requestFor = ({ key, size, at, end, version, ifMatch }: Expected): LeanRequest => ({
  method: 'GET',
  key,
  query: version === undefined ? '' : `versionId=${encode(version)}`,
  headers: {
    'x-amz-checksum-mode': 'ENABLED',
    ...(ifMatch === undefined ? {} : { 'if-match': `"${ifMatch}"` }),
    ...(at === 0 && end === size ? {} : { range: `bytes=${at}-${end - 1}` }),
  },
  payload: emptyPayload,
})

/** What further requests ask for, so that no two states are mixed. */
const pinnedBy = (pin: Pin, info: ObjectInfo | undefined): Pin => {
  if (pin.version !== undefined || info === undefined) return pin
  return { version: info.version, ifMatch: pin.ifMatch ?? (info.version === undefined ? info.etag : undefined) }
}

/**
 * Brings a stretch. A broken connection is resumed where it broke, in the same state; a try that brought bytes starts the count of tries anew.
 * What the info says of checksums holds for whole objects only.
 */
export const fetchStretch = async (lean: Lean, stretch: Stretch): Promise<ObjectInfo> => {
  const { retry } = lean.s3
  const { key, size, end, into, signal } = stretch
  let pin: Pin = stretch
  let info: ObjectInfo | undefined
  let at = stretch.start
  let failures = 0
  for (;;) {
    const from = at
    const expected = { store: lean.s3.name, key, size, version: pin.version, ifMatch: pin.ifMatch, at, end }
    const receiver = {
      begin: (head: ResponseHead) => {
        const found = checkAnswer(expected, head)
        info ??= found
        return true
      },
      data: (chunk: Buffer) => {
        if ('take' in into) into.take(chunk, at)
        at += chunk.length
      },
    }
    const passed = (count: number) => {
      at += count
      if ('file' in into) into.arrived(count)
    }
    const carry = 'file' in into ? into.file.carrier(expected, passed) : undefined
    try {
      await send(lean, requestFor(expected), receiver, signal, carry)
      return info!
    } catch (error) {
      if (!(error instanceof TransientError)) throw error
      pin = pinnedBy(pin, info)
      failures = at > from ? 1 : failures + 1
      const free = pin.version === undefined && pin.ifMatch === undefined
      if (failures >= retry.attempts || (free && at > stretch.start)) throw error.final
      await pause(retry, failures + 1, error.after, signal)
    }
  }
}
