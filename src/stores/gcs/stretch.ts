import { type GetOptions, type ObjectInfo, StoreError } from '../object-store.ts'
import { pause, TransientError } from '../retry.ts'
import { LocalError } from '../s3/lean/local-error.ts'
import { NotUnderstood, type ResponseHead } from '../s3/lean/response-head.ts'
import { type GcsDeps, type Lines, queryOf } from './client.ts'
import { translate } from './errors.ts'
import { objectPath } from './get.ts'
import { infoOfHeaders, isGeneration } from './info.ts'

/** One stretch of one state of an object: all of it, or a range. */
export interface Stretch {
  key: string
  /** Of the whole object. */
  size: number
  pin: Pick<GetOptions, 'version' | 'ifMatch'>
  /** First byte, and the one after the last. */
  start: number
  end: number
  /** Takes bytes and where they stand in the object; they are good during the call only. */
  take: (chunk: Buffer, at: number) => void
  signal?: AbortSignal | undefined
}

const requestFor = async (deps: GcsDeps, lines: Lines, stretch: Stretch, at: number): Promise<Buffer> => {
  const { key, size, end, pin } = stretch
  const condition = pin.ifMatch !== undefined && isGeneration(pin.ifMatch) ? pin.ifMatch : undefined
  const query = queryOf({ alt: 'media', generation: pin.version, ifGenerationMatch: condition })
  const authorization = await lines.header()
  const head = [
    `GET ${lines.root}${objectPath(deps, key)}${query} HTTP/1.1`,
    `host: ${lines.authority}`,
    'user-agent: granary',
    // As it is stored: see get.ts.
    'accept-encoding: gzip',
    ...(at === 0 && end === size ? [] : [`range: bytes=${at}-${end - 1}`]),
    ...(authorization === undefined ? [] : [`authorization: ${authorization}`]),
  ]
  return Buffer.from(`${head.join('\r\n')}\r\n\r\n`, 'latin1')
}

/** Fails with NotUnderstood unless the head promises exactly the bytes that were asked for, of the state that was asked for. */
const check = (stretch: Stretch, at: number, head: ResponseHead): ObjectInfo => {
  const { size, end, pin } = stretch
  const whole = at === 0 && end === size
  const range = head.headers.get('content-range')
  const right = whole ? head.status === 200 : head.status === 206 && range === `bytes ${at}-${end - 1}/${size}`
  const info = infoOfHeaders((name) => head.headers.get(name), size, pin.version)
  const state = pin.version ?? pin.ifMatch
  if (!right || head.length !== end - at) throw new NotUnderstood('another stretch than asked for')
  if (state !== undefined && info.etag !== undefined && info.etag !== state) throw new NotUnderstood('another state')
  return info
}

type Pin = Stretch['pin']

/** No two states may be mixed. */
const free = (pin: Pin): boolean => pin.version === undefined && pin.ifMatch === undefined

/** What further requests ask for. */
const pinnedBy = (pin: Pin, info: ObjectInfo | undefined): Pin =>
  free(pin) && info?.etag !== undefined ? { ifMatch: info.etag } : pin

/** A failure after which another try makes sense; throws any other. */
const passing = (deps: GcsDeps, { key, signal }: Stretch, error: unknown): TransientError => {
  if (error instanceof NotUnderstood || error instanceof LocalError) throw error
  const failure = translate(error, { store: deps.name, doing: 'read objects', key }, signal)
  if (failure instanceof TransientError) return failure
  throw failure
}

/**
 * Brings a stretch over a connection of our own. A broken one is resumed where it broke, in the same generation; a try that brought bytes starts the
 * count of tries anew. Fails with NotUnderstood at any answer that isn't plainly the right one: then the ordinary client asks and judges.
 */
export const fetchStretch = async (deps: GcsDeps, lines: Lines, stretch: Stretch): Promise<ObjectInfo> => {
  const { signal, end } = stretch
  let pin = stretch.pin
  let info: ObjectInfo | undefined
  let at = stretch.start
  let failures = 0
  for (;;) {
    const from = at
    const receiver = {
      begin: (head: ResponseHead) => {
        const found = check({ ...stretch, pin }, from, head)
        info ??= found
        return true
      },
      data: (chunk: Buffer) => {
        stretch.take(chunk, at)
        at += chunk.length
      },
    }
    try {
      const request = await requestFor(deps, lines, { ...stretch, pin }, from)
      await lines.connections.exchange([request], receiver, signal, true)
      if (at === end) return info!
      throw new NotUnderstood('a body of another length')
    } catch (error) {
      const failure = passing(deps, stretch, error)
      pin = pinnedBy(pin, info)
      failures = at > from ? 1 : failures + 1
      if (failures >= deps.retry.attempts || (free(pin) && at > stretch.start)) throw failure.final
      await pause(deps.retry, failures + 1, failure.after, signal)
    }
  }
}

/** A value for what writes into files, so that its failures are told from those of connections. */
export const locally = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw error instanceof StoreError ? error : new LocalError('writing failed', { cause: error })
  }
}
