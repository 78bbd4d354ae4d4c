import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { Agent, type Dispatcher } from 'undici'
import { compareUtf8 } from '../../lib/utf8.ts'
import { type GetOptions, type ListedObject, type ObjectStore, StoreError } from '../object-store.ts'
import { defaultRetryPolicy, pause, type RetryPolicy, TransientError, withRetry } from '../retry.ts'
import { type Answer, ask, shown } from './ask.ts'
import { readOnlyStore } from './read-only.ts'

/** A file that somebody else serves, and the digest that its bytes must have, lower-case hex. */
export interface HttpFile {
  url: string
  path: string
  sha256: string
}

const identity = { 'accept-encoding': 'identity', 'user-agent': 'granary' }
/** Milliseconds without a byte. */
const defaultStall = 30_000

const digits = (text: string | undefined): number | undefined =>
  text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined

/** All of the file's bytes: said by the range that was answered, or by the length. */
const sizeIn = (answer: Answer): number | undefined =>
  answer.status === 206
    ? digits(/\/(\d+)$/.exec(answer.header('content-range') ?? '')?.[1])
    : digits(answer.header('content-length'))

const withoutLength = (file: HttpFile, url: URL) =>
  new StoreError(
    'invalid',
    `${file.path}: ${shown(url)} does not say how long the file is (no Content-Length)`,
    file.path,
  )

interface Server {
  dispatcher: Dispatcher
  retry: RetryPolicy
}

const sizeOf = (server: Server, file: HttpFile, signal: AbortSignal | undefined): Promise<number> =>
  withRetry(server.retry, signal, async () => {
    const question = { dispatcher: server.dispatcher, url: file.url, key: file.path, signal }
    const head = await ask({ ...question, method: 'HEAD', headers: identity }).catch((error) => {
      if (error instanceof TransientError) throw error
      return undefined
    })
    await head?.body.dump().catch(() => {})
    const size = head && sizeIn(head)
    if (size !== undefined) return size
    // Not every server knows HEAD, and not every signed url is good for it.
    const first = await ask({ ...question, method: 'GET', headers: { ...identity, range: 'bytes=0-0' } })
    first.body.on('error', () => {}).destroy()
    const found = sizeIn(first)
    if (found === undefined) throw withoutLength(file, first.url)
    return found
  })

interface Stretch {
  from: number
  to: number
}

/** The bytes of one answer from `at` on: a server that doesn't know ranges starts at the beginning again. */
async function* bytesOf(answer: Answer, at: number, to: number): AsyncGenerator<Buffer> {
  let position = answer.status === 206 ? at : 0
  for await (const chunk of answer.body as AsyncIterable<Buffer>) {
    const start = Math.max(at - position, 0)
    position += chunk.length
    if (start >= chunk.length) continue
    yield chunk.subarray(start, chunk.length - Math.max(position - to, 0))
    if (position >= to) return
  }
}

/** The bytes of a stretch, over as many connections as it takes. One that brings nothing counts as a failed try. */
async function* get(
  server: Server,
  file: HttpFile,
  { from, to }: Stretch,
  signal: AbortSignal | undefined,
): AsyncGenerator<Buffer> {
  const open = (at: number): Promise<Answer> => {
    const headers = { ...identity, ...(at === 0 ? {} : { range: `bytes=${at}-` }) }
    return ask({ dispatcher: server.dispatcher, method: 'GET', url: file.url, headers, key: file.path, signal })
  }
  let at = from
  for (let failures = 0; at < to; ) {
    const before = at
    let broken = new TransientError(
      new StoreError('unreachable', `${file.path}: the connection ended before the file did`, file.path),
    )
    try {
      for await (const chunk of bytesOf(await open(at), at, to)) {
        at += chunk.length
        yield chunk
      }
      if (at >= to) return
    } catch (error) {
      signal?.throwIfAborted()
      if (error instanceof StoreError) throw error
      if (error instanceof TransientError) broken = error
    }
    failures = at > before ? 1 : failures + 1
    if (failures >= server.retry.attempts) throw broken.final
    await pause(server.retry, failures + 1, broken.after, signal)
  }
}

/** Passes bytes on, and fails at their end with `corrupt` if they are not those that were declared. */
async function* declared(chunks: AsyncGenerator<Buffer>, file: HttpFile): AsyncGenerator<Buffer> {
  const hash = createHash('sha256')
  for await (const chunk of chunks) {
    hash.update(chunk)
    yield chunk
  }
  const found = hash.digest('hex')
  if (found === file.sha256) return
  const message = `${file.path}: the file at ${shown(new URL(file.url))} has the sha256 ${found}, not the one that spec.source.http declares: mend the one or the other`
  throw new StoreError('corrupt', message, file.path)
}

/**
 * Public files as a store, each under its path. The declared digest stands for the content: it is the etag, and whatever is read whole is checked against
 * it. Broken connections are resumed by range.
 */
export const openHttpStore = (
  files: readonly HttpFile[],
  options: { retry?: RetryPolicy | undefined; stall?: number | undefined } = {},
): ObjectStore => {
  const stall = options.stall ?? defaultStall
  const agent = new Agent({ headersTimeout: stall, bodyTimeout: stall, connect: { timeout: stall } })
  const server: Server = { dispatcher: agent, retry: options.retry ?? defaultRetryPolicy }
  const sorted = files.map((file) => ({ ...file, sha256: file.sha256.toLowerCase() }))
  sorted.sort((a, b) => compareUtf8(a.path, b.path))
  const find = (key: string): HttpFile => {
    const file = sorted.find(({ path }) => path === key)
    if (file === undefined) throw new StoreError('not-found', `no file ${key} is declared`, key)
    return file
  }
  const sizes = new Map<string, number>()
  const known = async (file: HttpFile, signal?: AbortSignal): Promise<number> => {
    const size = sizes.get(file.path) ?? (await sizeOf(server, file, signal))
    sizes.set(file.path, size)
    return size
  }
  return readOnlyStore('http', {
    async *list(prefix, { startAfter, signal } = {}): AsyncGenerator<ListedObject> {
      for (const file of sorted) {
        const { path: key, sha256 } = file
        if (!key.startsWith(prefix) || (startAfter !== undefined && compareUtf8(key, startAfter) <= 0)) continue
        const size = await known(file, signal).catch((error) => {
          const gone = error instanceof StoreError && error.failure === 'not-found'
          throw gone ? new StoreError('no-bucket', error.message, key) : error
        })
        yield { key, size, etag: sha256, sha256 }
      }
    },
    head: async (key, { signal } = {}) => {
      const file = find(key)
      return { size: await known(file, signal), etag: file.sha256, checksums: { sha256: file.sha256 } }
    },
    get: async (key, { range, signal }: GetOptions = {}) => {
      const file = find(key)
      const size = await known(file, signal)
      const from = range?.offset ?? 0
      const to = range === undefined ? size : Math.min(size, range.offset + range.length)
      const bytes = get(server, file, { from, to }, signal)
      const body = Readable.from(range === undefined ? declared(bytes, file) : bytes, { objectMode: false })
      return { info: { size, etag: file.sha256, checksums: { sha256: file.sha256 } }, body }
    },
    close: () => agent.close(),
  })
}
