import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Algorithm, Sums } from './sums.ts'

export type ToHasher =
  | { do: 'open'; id: number; fd: number; algorithms: Algorithm[] }
  | { do: 'advance'; id: number; to: number }
  | { do: 'read'; id: number; offset: number; buffer: ArrayBuffer }
  | { do: 'finish'; id: number; to: number }
  | { do: 'abandon'; id: number }

export interface FromHasher {
  id: number
  sums?: Sums
  error?: Error
  read?: ReadBytes
}

/** Bytes that were read: the memory that was lent, how much of it is filled, and the sha256 of that. */
export interface ReadBytes {
  buffer: ArrayBuffer
  count: number
  sha256: string
}

/** Sums over a file that is being written, or read to be sent, taken in another thread. The file stays open until `finish` or `abandon` has settled. */
export interface FileHash {
  /** Everything before this offset is written. */
  advance(to: number): void
  /**
   * Reads on, filling the memory as far as the file goes, and sums up what was read. `offset`: where the last read ended. One read at a time; the memory
   * is another object afterwards.
   */
  read(offset: number, buffer: ArrayBuffer): Promise<ReadBytes>
  /** The sums over the first `size` bytes, which are all written. */
  finish(size: number): Promise<Sums>
  /** Nobody wants to know any more; the file isn't read after this. */
  abandon(): Promise<void>
}

interface Thread {
  worker: Worker
  files: number
  waiting: Map<number, { resolve: (answer: FromHasher) => void; reject: (error: Error) => void }>
  /** Files that went wrong before anybody asked. */
  failed: Map<number, Error>
}

/** From TypeScript the worker is its source, in a bundle it lies beside it. */
const program = (): URL => {
  const here = import.meta.url
  return new URL(here.endsWith('.ts') ? './file-hash-worker.ts' : './file-hash-worker.js', here)
}

/** Threads that hash files; each is started when it is first of use. */
export class FileHashes {
  readonly #threads: Thread[] = []
  readonly #most: number
  #count = 0

  constructor(most = Math.max(1, Math.min(4, availableParallelism()))) {
    this.#most = most
  }

  file(fd: number, algorithms: Algorithm[]): FileHash {
    const id = ++this.#count
    const thread = this.#thread()
    thread.files++
    thread.worker.ref()
    const send = (message: ToHasher) =>
      thread.worker.postMessage(message, message.do === 'read' ? [message.buffer] : [])
    const ask = (message: ToHasher): Promise<FromHasher> =>
      new Promise<FromHasher>((resolve, reject) => {
        const failed = thread.failed.get(id)
        if (failed !== undefined) return reject(failed)
        thread.waiting.set(id, { resolve, reject })
        send(message)
      }).finally(() => thread.waiting.delete(id))
    let over = false
    const last = async (message: ToHasher): Promise<FromHasher> => {
      try {
        return await ask(message)
      } finally {
        over = true
        thread.failed.delete(id)
        if (--thread.files === 0) thread.worker.unref()
      }
    }
    send({ do: 'open', id, fd, algorithms })
    return {
      advance: (to) => send({ do: 'advance', id, to }),
      read: async (offset, buffer) => (await ask({ do: 'read', id, offset, buffer })).read!,
      finish: async (size) => (await last({ do: 'finish', id, to: size })).sums!,
      abandon: async () => {
        if (!over) await last({ do: 'abandon', id }).catch(() => {})
      },
    }
  }

  /** Ends the threads. */
  async close(): Promise<void> {
    await Promise.all(this.#threads.splice(0).map(({ worker }) => worker.terminate()))
  }

  #thread(): Thread {
    const free = this.#threads.find(({ files }) => files === 0)
    if (free) return free
    if (this.#threads.length < this.#most) return this.#start()
    return this.#threads.reduce((least, thread) => (thread.files < least.files ? thread : least))
  }

  #start(): Thread {
    const worker = new Worker(program(), { name: 'granary-hash' })
    const thread: Thread = { worker, files: 0, waiting: new Map(), failed: new Map() }
    worker.on('message', (answer: FromHasher) => {
      const asked = thread.waiting.get(answer.id)
      if (answer.error === undefined) asked?.resolve(answer)
      else if (asked) asked.reject(answer.error)
      else thread.failed.set(answer.id, answer.error)
    })
    const ended = (error: Error) => {
      const at = this.#threads.indexOf(thread)
      if (at >= 0) this.#threads.splice(at, 1)
      for (const { reject } of thread.waiting.values()) reject(error)
    }
    worker.on('error', ended)
    worker.on('exit', () => ended(new Error('a hashing thread has ended')))
    worker.unref()
    this.#threads.push(thread)
    return thread
  }
}
