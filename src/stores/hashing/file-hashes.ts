import { availableParallelism } from 'node:os'
import { Worker } from 'node:worker_threads'
import type { Algorithm, Sums } from './sums.ts'

export type ToHasher =
  | { do: 'open'; id: number; fd: number; algorithms: Algorithm[] }
  | { do: 'advance'; id: number; to: number }
  | { do: 'finish'; id: number; to: number }
  | { do: 'abandon'; id: number }

export interface FromHasher {
  id: number
  sums?: Sums
  error?: Error
}

/** Sums over a file that is being written, taken in another thread. The file stays open until `finish` or `abandon` has settled. */
export interface FileHash {
  /** Everything before this offset is written. */
  advance(to: number): void
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
    const send = (message: ToHasher) => thread.worker.postMessage(message)
    const ask = async (message: ToHasher): Promise<FromHasher> => {
      try {
        return await new Promise<FromHasher>((resolve, reject) => {
          const failed = thread.failed.get(id)
          if (failed !== undefined) return reject(failed)
          thread.waiting.set(id, { resolve, reject })
          send(message)
        })
      } finally {
        over = true
        thread.waiting.delete(id)
        thread.failed.delete(id)
        if (--thread.files === 0) thread.worker.unref()
      }
    }
    let over = false
    send({ do: 'open', id, fd, algorithms })
    return {
      advance: (to) => send({ do: 'advance', id, to }),
      finish: async (size) => (await ask({ do: 'finish', id, to: size })).sums!,
      abandon: async () => {
        if (!over) await ask({ do: 'abandon', id }).catch(() => {})
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
