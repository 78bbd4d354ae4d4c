import type { Readable } from 'node:stream'
import { request } from 'undici'
import { sleep } from '../lib/abort.ts'
import { ApiError, type Status } from './api-error.ts'
import type { Connection } from './connection.ts'

export interface Call {
  /** For metrics: get, list, create, apply, patch, delete, watch. */
  verb: string
  /** For metrics: the plural. */
  resource: string
  method: 'GET' | 'POST' | 'PATCH' | 'DELETE'
  path: string
  query?: Record<string, string | undefined>
  body?: unknown
  contentType?: string
  signal?: AbortSignal | undefined
}

export interface TransportDeps {
  connection: Connection
  /** Told of every answer: `code` 0 when there was none. */
  answered?: (call: { verb: string; resource: string; code: number; seconds: number }) => void
  userAgent?: string
}

/** Times that an answer "later" (429, 503) is asked again. */
const maxRetries = 4
const maxRetryAfter = 30

/** Sends a call and resolves with the body of a success. 429 and 503 are asked again, when the server says or after a second, a few times. */
export const send = async (deps: TransportDeps, call: Call): Promise<string> => {
  for (let attempt = 0; ; attempt++) {
    try {
      const body = await exchange(deps, call)
      return await body.text()
    } catch (error) {
      const again = error instanceof ApiError && (error.code === 429 || error.code === 503) && attempt < maxRetries
      if (!again) throw error
      const signal = call.signal ?? new AbortController().signal
      await sleep(Math.min(error.retryAfter ?? 1, maxRetryAfter) * 1000, signal)
      signal.throwIfAborted()
    }
  }
}

/** Sends a call whose answer has no end: the body as it comes. */
export const stream = (deps: TransportDeps, call: Call): Promise<Readable> => exchange(deps, call, 0)

const exchange = async (deps: TransportDeps, call: Call, bodyTimeout?: number) => {
  const started = performance.now()
  let code = 0
  try {
    const { headers, dispatcher } = await deps.connection.authenticate()
    const response = await request(urlOf(deps.connection.server, call), {
      method: call.method,
      dispatcher,
      headers: {
        ...headers,
        accept: 'application/json',
        'user-agent': deps.userAgent ?? 'granary',
        ...(call.body === undefined ? {} : { 'content-type': call.contentType ?? 'application/json' }),
      },
      body: call.body === undefined ? null : JSON.stringify(call.body),
      signal: call.signal ?? null,
      ...(bodyTimeout === undefined ? {} : { bodyTimeout }),
    })
    code = response.statusCode
    if (code >= 300) throw toError(code, await response.body.text(), response.headers['retry-after'])
    return response.body
  } finally {
    deps.answered?.({ verb: call.verb, resource: call.resource, code, seconds: (performance.now() - started) / 1000 })
  }
}

const urlOf = (server: string, { path, query = {} }: Call): string => {
  const pairs = Object.entries(query).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as [string, string]],
  )
  return pairs.length === 0 ? `${server}${path}` : `${server}${path}?${new URLSearchParams(pairs)}`
}

const toError = (code: number, text: string, retryAfter: string | string[] | undefined): ApiError => {
  const seconds = typeof retryAfter === 'string' && /^\d+$/.test(retryAfter) ? Number(retryAfter) : undefined
  return new ApiError(code, statusOf(code, text), seconds)
}

const statusOf = (code: number, text: string): Status => {
  try {
    const status = JSON.parse(text) as Status & { kind?: string }
    if (status.kind === 'Status') return status
  } catch {
    // A proxy's page, not the API server's answer.
  }
  return { message: `HTTP ${code}: ${text.slice(0, 200).replaceAll(/\s+/g, ' ').trim() || 'no body'}` }
}
