import { readSync, writeSync } from 'node:fs'
import { performance } from 'node:perf_hooks'
import { parentPort, workerData } from 'node:worker_threads'
import { Summer } from '../../../hashing/sums.ts'
import { checkAnswer } from '../answer.ts'
import { Connections } from '../connections.ts'
import { LocalError } from '../local-error.ts'
import { NotUnderstood, type ResponseHead } from '../response-head.ts'
import { Gather } from './gather.ts'
import { InOrder } from './in-order.ts'
import type { Failure, Fetched, FromFetcher, ThreadOptions, ToFetcher } from './messages.ts'

/**
 * Runs in a thread of its own: asks for objects over its own connections, writes what comes into their files, and sums it up while it is still in the
 * processor's cache. No byte of an object goes from thread to thread.
 */
const options = workerData as ThreadOptions
const connections = new Connections(options.site, options)
const summer = new Summer()
const files = new Map<number, InOrder>()
/** Files that went wrong before anybody asked. */
const failed = new Map<number, Failure>()
const running = new Map<number, AbortController>()
/** Milliseconds between two messages that bytes have come: each wakes the main thread. */
const tellEvery = 250
const buffer = Buffer.allocUnsafeSlow(512 * 1024)
let utilization = performance.eventLoopUtilization()

const tell = (message: FromFetcher): void => parentPort!.postMessage(message)

const local = <T>(work: () => T): T => {
  try {
    return work()
  } catch (error) {
    throw new LocalError('a file failed', { cause: error })
  }
}

const readBack = (fd: number | undefined) => (from: number, to: number, take: (piece: Uint8Array) => void) => {
  if (fd === undefined) throw new Error('what is kept nowhere can not be read back')
  for (let at = from; at < to; ) {
    const count = readSync(fd, buffer, 0, Math.min(buffer.length, to - at), at)
    if (count === 0) throw new Error('the file is shorter than what was written to it')
    take(buffer.subarray(0, count))
    at += count
  }
}

const write = (fd: number, chunk: Buffer, at: number): void => {
  for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done, chunk.length - done, at + done)
}

const failureOf = (thrown: unknown, signal: AbortSignal): Failure => {
  const here = thrown instanceof LocalError
  const error = (here ? thrown.cause : thrown) as NodeJS.ErrnoException
  const at = here ? 'here' : signal.aborted ? 'stopped' : error instanceof NotUnderstood ? 'answer' : 'network'
  return { at, message: error.message, code: error.code, syscall: error.syscall }
}

const get = async ({ id, file, fd, request, expected }: Extract<ToFetcher, { do: 'get' }>): Promise<void> => {
  const stop = new AbortController()
  running.set(id, stop)
  const sums = files.get(file)
  let at = expected.at
  let told = at
  let toldAt = performance.now()
  let head: ResponseHead | undefined
  let taken = false
  const pieces = new Gather((piece) => {
    local(() => {
      if (fd !== undefined) write(fd, piece, at)
      sums?.wrote(at, piece)
    })
    at += piece.length
    const now = performance.now()
    if (now - toldAt < tellEvery) return
    tell({ id, count: at - told })
    ;[told, toldAt] = [at, now]
  })
  const receiver = {
    begin: (found: ResponseHead) => {
      head = found
      try {
        checkAnswer(expected, found)
        taken = true
      } catch {
        // Whoever asked looks at the head as well, and says what is wrong with it.
      }
      return taken
    },
    data: (chunk: Buffer) => pieces.take(chunk),
  }
  let failure: Failure | undefined
  try {
    await connections.exchange(request, receiver, stop.signal, true)
  } catch (error) {
    failure = failureOf(error, stop.signal)
  }
  try {
    // What came before it broke has come.
    pieces.flush()
  } catch (error) {
    failure ??= failureOf(error, stop.signal)
  }
  running.delete(id)
  const now = performance.eventLoopUtilization()
  const busy = performance.eventLoopUtilization(now, utilization).utilization
  utilization = now
  const fetched: Fetched = { head, taken, count: at - told, failure, busy }
  tell({ id, fetched })
}

const failedHere = (error: unknown): Failure => ({ at: 'here', message: (error as Error).message })

const written = (file: number, start: number, end: number): void => {
  try {
    files.get(file)?.written(start, end)
  } catch (error) {
    failed.set(file, failedHere(error))
  }
}

const finish = (id: number, file: number, size: number): void => {
  const failure = failed.get(file)
  try {
    tell(failure === undefined ? { id, sums: files.get(file)!.finish(size) } : { id, failure })
  } catch (error) {
    tell({ id, failure: failedHere(error) })
  }
  forget(file)
}

const forget = (file: number): void => {
  files.delete(file)
  failed.delete(file)
}

parentPort!.on('message', (message: ToFetcher) => {
  switch (message.do) {
    case 'open':
      files.set(message.file, new InOrder(summer, message.algorithms, readBack(message.fd)))
      return
    case 'written':
      written(message.file, message.start, message.end)
      return
    case 'finish':
      finish(message.id, message.file, message.size)
      return
    case 'abandon':
      forget(message.file)
      tell({ id: message.id, sums: {} })
      return
    case 'get':
      void get(message)
      return
    case 'stop':
      running.get(message.id)?.abort(new Error('stopped'))
      return
  }
})
