import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Algorithm, Sums } from '../../../hashing/sums.ts'
import type { Expected } from '../answer.ts'
import type { Carrier } from '../carrier.ts'
import type { Receiver } from '../connection.ts'
import { LocalError } from '../local-error.ts'
import { NotUnderstood, type ResponseHead } from '../response-head.ts'
import type { Failure, Fetched, FromFetcher, ThreadOptions, ToFetcher } from './messages.ts'
import { Pieces } from './pieces.ts'

/** A file that threads fill, and one of them sums up. It stays open until `finish` or `abandon` has settled, and all exchanges for it. */
export interface ThreadFile {
  /** Makes one exchange in a thread; `passed` hears of bytes that are written. When it settles, nothing more is written. */
  carrier(expected: Expected, passed: (count: number) => void): Carrier
  /** The first bytes are there already; said before anything else is fetched. */
  has(bytes: number): void
  /** The sums over the first `size` bytes, which are all there. */
  finish(size: number): Promise<Sums>
  /** Nobody wants to know any more; the file isn't read after this. */
  abandon(): Promise<void>
}

interface Thread {
  worker: Worker
  /** Files that it sums up, and exchanges that it makes. */
  files: number
  gets: number
  waiting: Map<number, (answer: FromFetcher | Error) => void>
}

/** From TypeScript the worker is its source, in a bundle it lies beside it. */
const program = (): URL => {
  const here = import.meta.url
  return new URL(here.endsWith('.ts') ? './fetch-worker.ts' : './fetch-worker.js', here)
}

const errorOf = ({ at, message, code, syscall }: Failure): Error => {
  const error = Object.assign(new Error(message), code === undefined ? {} : { code, ...(syscall ? { syscall } : {}) })
  if (at === 'here') return new LocalError(message, { cause: error })
  return at === 'answer' ? new NotUnderstood(message) : error
}

/** Lets the receiver judge the head as if the answer had come here: it says what is wrong with it. */
const headOf = (fetched: Fetched, receiver: Receiver, signal: AbortSignal | undefined): ResponseHead => {
  const { head, taken, failure } = fetched
  const good = head === undefined || receiver.begin(head)
  if (failure?.at === 'stopped') throw signal?.reason ?? errorOf(failure)
  if (failure !== undefined) throw errorOf(failure)
  if (good && !taken) throw new NotUnderstood('an answer that only one of two threads takes')
  return head!
}

/**
 * Threads that fetch big objects into files over connections of their own, each started when it is first of use. Files are spread over them; while there are
 * fewer files than threads, the pieces of one are.
 */
export class FetchThreads {
  /** How many pieces of one object are worth having under way. */
  readonly pieces = new Pieces()
  readonly #options: ThreadOptions
  readonly #threads: Thread[] = []
  readonly #most: number
  #count = 0
  #files = 0

  constructor(options: ThreadOptions, most = Math.max(1, Math.min(16, availableParallelism()))) {
    this.#options = options
    this.#most = most
  }

  /** `fd`: open for reading and writing; without it the bytes are summed up and kept nowhere, and have to be asked for in order. */
  file(fd: number | undefined, algorithms: Algorithm[]): ThreadFile {
    const file = ++this.#count
    const owner = this.#least((thread) => thread.files)
    owner.files++
    this.#files++
    this.#send(owner, { do: 'open', file, fd, algorithms })
    let over = false
    const last = async (message: ToFetcher & { id: number }): Promise<FromFetcher> => {
      over = true
      try {
        return await this.#ask(owner, message)
      } finally {
        owner.files--
        this.#files--
        this.#rest(owner)
      }
    }
    return {
      carrier: (expected, passed) => (request, receiver, signal) =>
        this.#get(owner, { file, fd, request, expected }, { receiver, signal, passed }),
      has: (bytes) => this.#send(owner, { do: 'written', file, start: 0, end: bytes }),
      finish: async (size) => {
        const answer = await last({ do: 'finish', id: ++this.#count, file, size })
        if ('sums' in answer) return answer.sums
        throw 'failure' in answer ? errorOf(answer.failure) : new Error('a thread answers something else')
      },
      abandon: async () => {
        if (!over) await last({ do: 'abandon', id: ++this.#count, file }).catch(() => {})
      },
    }
  }

  async #get(
    owner: Thread,
    what: Omit<Extract<ToFetcher, { do: 'get' }>, 'do' | 'id'>,
    { receiver, signal, passed }: { receiver: Receiver; signal: AbortSignal | undefined; passed: (n: number) => void },
  ): Promise<ResponseHead> {
    const thread = what.fd === undefined ? owner : this.#forPieceOf(owner)
    const { file, expected } = what
    const id = ++this.#count
    const stop = () => this.#send(thread, { do: 'stop', id })
    let sum = 0
    const count = (more: number) => {
      sum += more
      if (more > 0) passed(more)
    }
    thread.gets++
    try {
      signal?.throwIfAborted()
      signal?.addEventListener('abort', stop, { once: true })
      const answer = await this.#ask(thread, { do: 'get', id, ...what }, count)
      if (!('fetched' in answer)) throw new Error('a thread answers something else')
      count(answer.fetched.count)
      if (answer.fetched.failure === undefined) this.pieces.note(answer.fetched.busy)
      return headOf(answer.fetched, receiver, signal)
    } finally {
      signal?.removeEventListener('abort', stop)
      thread.gets--
      if (thread !== owner && sum > 0)
        this.#send(owner, { do: 'written', file, start: expected.at, end: expected.at + sum })
      this.#rest(thread)
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()))
  }

  /** Its own thread, where nothing has to be read back; another one while there is nothing else to do for it. */
  #forPieceOf(owner: Thread): Thread {
    if (this.#files >= this.#most) return owner
    // Summing up is work as well.
    const thread = this.#least(({ gets, files }) => gets + 2 * files)
    thread.worker.ref()
    return thread
  }

  #send(thread: Thread, message: ToFetcher): void {
    thread.worker.ref()
    thread.worker.postMessage(message)
  }

  #rest(thread: Thread): void {
    if (thread.files === 0 && thread.gets === 0) thread.worker.unref()
  }

  /** The answer to a message; `count` hears of bytes before it. */
  #ask(thread: Thread, message: ToFetcher & { id: number }, count: (more: number) => void = () => {}) {
    return new Promise<FromFetcher>((resolve, reject) => {
      thread.waiting.set(message.id, (answer) => {
        if (!(answer instanceof Error) && 'count' in answer) return count(answer.count)
        thread.waiting.delete(message.id)
        if (answer instanceof Error) reject(answer)
        else resolve(answer)
      })
      this.#send(thread, message)
    })
  }

  #least(load: (thread: Thread) => number): Thread {
    const least = this.#threads.reduce<Thread | undefined>(
      (best, thread) => (best === undefined || load(thread) < load(best) ? thread : best),
      undefined,
    )
    if (least !== undefined && (load(least) === 0 || this.#threads.length >= this.#most)) return least
    return this.#start()
  }

  #start(): Thread {
    const worker = new Worker(program(), { name: 'granary-fetch', workerData: this.#options })
    const thread: Thread = { worker, files: 0, gets: 0, waiting: new Map() }
    worker.on('message', (answer: FromFetcher) => thread.waiting.get(answer.id)?.(answer))
    const ended = (error: Error) => {
      const at = this.#threads.indexOf(thread)
      if (at >= 0) this.#threads.splice(at, 1)
      for (const answer of [...thread.waiting.values()]) answer(new LocalError('a thread has ended', { cause: error }))
    }
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error('a fetching thread has ended')))
    worker.unref()
    this.#threads.push(thread)
    return thread
  }
}
