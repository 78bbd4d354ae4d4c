import { randomUUID } from 'node:crypto'
import { Readable } from 'node:stream'
import type { Storage } from '@google-cloud/storage'
import { Agent } from 'undici'
import { readAuthorities } from '../authorities.ts'
import type { Summer } from '../hashing/sums.ts'
import type { RetryPolicy } from '../retry.ts'
import { Connections } from '../s3/lean/connections.ts'
import { HttpError } from './errors.ts'
import type { GoogleIdentity } from './identity.ts'

export interface GcsAddress {
  bucket: string
  /** Of another server that speaks the same protocol, or a private address of Google's. */
  endpoint?: string | undefined
}

export interface ClientOptions {
  identity: GoogleIdentity
  /** A PEM file with authorities to trust beside the usual ones. */
  caFile?: string | undefined
  /** Milliseconds without a byte after which a connection counts as dead. */
  stall: number
  /** Connections at once. */
  connections: number
}

export interface Call {
  method: 'GET' | 'POST' | 'PUT' | 'DELETE'
  /** Path and query, from the slash after the host. */
  path: string
  headers?: Record<string, string>
  body?: Uint8Array | string
  signal?: AbortSignal | undefined
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: Readable
}

/** What every call on a bucket needs. */
export interface GcsDeps {
  /** One request for bytes; whatever its status, its answer. */
  send(call: Call): Promise<Answer>
  /** Google's library, for everything else. */
  storage: Storage
  bucket: string
  /** `/storage/v1/b/<bucket>`, and the same for uploads. */
  path: string
  uploadPath: string
  /** `gs://bucket` */
  name: string
  retry: RetryPolicy
  summer: Summer
}

/** A bigger body goes out in slices of this many bytes: the time for an answer starts anew with each, so that a slow way is no stall. */
const sliceBytes = 256 * 1024

async function* slicesOf(body: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < body.length; at += sliceBytes) yield body.subarray(at, at + sliceBytes)
}

const bodyOf = (body: Uint8Array | string | undefined) => {
  if (body === undefined) return {}
  if (typeof body === 'string' || body.length <= sliceBytes) return { body }
  return { body: Readable.from(slicesOf(body), { objectMode: false }) }
}

export const header = (answer: Answer, name: string): string | undefined => {
  const value = answer.headers[name]
  return Array.isArray(value) ? value.join(',') : value
}

export const textOf = async (answer: Answer): Promise<string> => {
  const parts: Buffer[] = []
  for await (const chunk of answer.body as AsyncIterable<Buffer>) parts.push(chunk)
  return Buffer.concat(parts).toString()
}

/** A query of what is defined. */
export const queryOf = (parameters: Record<string, string | undefined>): string => {
  const pairs = Object.entries(parameters).flatMap(([name, value]) =>
    value === undefined ? [] : [`${name}=${encodeURIComponent(value)}`],
  )
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
}

/** What is known of an object (JSON) and its bytes, as one body of two parts. */
export const related = (resource: string, kind: string, bytes: Uint8Array): { type: string; body: Buffer } => {
  const boundary = `granary-${randomUUID()}`
  const head = `--${boundary}\r\ncontent-type: application/json; charset=utf-8\r\n\r\n${resource}\r\n--${boundary}\r\ncontent-type: ${kind}\r\n\r\n`
  const body = Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--`)])
  return { type: `multipart/related; boundary=${boundary}`, body }
}

/** Connections of our own for bytes that come, and what every request over them says. */
export interface Lines {
  connections: Connections
  /** The header `host`, and what stands before every path. */
  authority: string
  root: string
  /** The value of the header `authorization`. */
  header(): Promise<string | undefined>
}

export interface GcsClient {
  /** Where paths begin: scheme, host and perhaps a path, without a slash at the end. */
  endpoint: string
  send(call: Call): Promise<Answer>
  /** Connections without a client above them, for bytes that come. */
  lines: Lines
  close(): Promise<void>
}

/** The connections to one server, with one identity and its own authorities: those of the bytes, and of Google's library (`sdk.ts`). */
export const openClient = async (address: GcsAddress, options: ClientOptions): Promise<GcsClient> => {
  const { identity, stall } = options
  const ca = await readAuthorities(options.caFile)
  const base = new URL(address.endpoint ?? 'https://storage.googleapis.com')
  const root = base.pathname.replace(/\/$/, '')
  const agent = new Agent({
    connections: options.connections,
    headersTimeout: stall,
    bodyTimeout: stall,
    keepAliveTimeout: 30_000,
    connect: { timeout: Math.min(10_000, stall), ...(ca ? { ca } : {}) },
  })
  const tls = base.protocol === 'https:'
  const host = base.hostname.replace(/^\[(.*)\]$/, '$1')
  const port = Number(base.port) || (tls ? 443 : 80)
  const connections = new Connections({ tls, host, port }, { ca, stall })
  const once = async (call: Call, authorization: string | undefined): Promise<Answer> => {
    const length = call.body === undefined ? {} : { 'content-length': String(Buffer.byteLength(call.body)) }
    const answer = await agent.request({
      origin: base.origin,
      path: `${root}${call.path}`,
      method: call.method,
      headers: { ...call.headers, ...length, 'user-agent': 'granary', ...(authorization ? { authorization } : {}) },
      ...bodyOf(call.body),
      ...(call.signal ? { signal: call.signal } : {}),
    })
    return { status: answer.statusCode, headers: answer.headers, body: answer.body }
  }
  return {
    endpoint: base.origin + root,
    lines: { connections, authority: base.host, root, header: identity.header },
    async send(call) {
      const used = await identity.header()
      const answer = await once(call, used)
      if (answer.status !== 401 || used === undefined || !(await identity.renew(used))) return answer
      answer.body.on('error', () => {}).resume()
      return once(call, await identity.header())
    },
    async close() {
      connections.close()
      await agent.destroy()
    },
  }
}

/** What an answer with a status that nobody expected is: an HttpError. */
export const refusal = async (answer: Answer): Promise<HttpError> =>
  new HttpError(answer.status, await textOf(answer), header(answer, 'retry-after'))
