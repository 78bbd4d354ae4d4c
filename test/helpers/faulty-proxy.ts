import { type ClientRequest, createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import { type Readable, Transform } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { type Exchange, type Fault, Plan, type Rule } from './faults.ts'

/** An HTTP proxy in front of an object store that misbehaves by plan. */
export interface FaultyProxy {
  /** Address buckets by path here; requests are signed for this host, and passed on with it. */
  readonly endpoint: string
  /** Replaces the plan and forgets the log. */
  plan(...rules: Rule[]): void
  readonly log: Exchange[]
  stop(): Promise<void>
}

/** Ends a connection with RST. */
type Tear = (socket: Socket | null) => void

const flipAt = (at: number): Transform => {
  let passed = 0
  return new Transform({
    transform(chunk: Buffer, _encoding, done) {
      const index = at - passed
      passed += chunk.length
      if (index >= 0 && index < chunk.length) {
        const copy = Buffer.from(chunk)
        copy[index]! ^= 1
        done(null, copy)
      } else done(null, chunk)
    },
  })
}

const errorBody = (code: string) =>
  `<?xml version="1.0" encoding="UTF-8"?><Error><Code>${code}</Code><Message>by plan</Message></Error>`

const codes: Record<number, string> = {
  403: 'AccessDenied',
  409: 'ConditionalRequestConflict',
  412: 'PreconditionFailed',
  500: 'InternalError',
  503: 'SlowDown',
}

const answer = (response: ServerResponse, fault: Extract<Fault, { kind: 'status' }>) => {
  const body = errorBody(fault.code ?? codes[fault.status] ?? 'InternalError')
  const retryAfter = fault.retryAfter === undefined ? {} : { 'retry-after': String(fault.retryAfter) }
  response.writeHead(fault.status, {
    'content-type': 'application/xml',
    'content-length': Buffer.byteLength(body),
    ...retryAfter,
  })
  response.end(body)
}

/** Sends the first bytes of a body and waits until they are on their way. */
const sendSome = async (from: Readable, response: ServerResponse, count: number) => {
  let left = count
  for await (const chunk of from as AsyncIterable<Buffer>) {
    const part = chunk.subarray(0, left)
    left -= part.length
    if (part.length > 0) await new Promise((sent) => response.write(part, sent))
    if (left === 0) return
  }
}

const drip = async (from: Readable, response: ServerResponse, bytes: number, every: number) => {
  for await (const chunk of from as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length && !response.destroyed; at += bytes) {
      response.write(chunk.subarray(at, at + bytes))
      await sleep(every)
    }
  }
  response.end()
}

const collect = async (from: Readable): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const chunk of from as AsyncIterable<Buffer>) parts.push(chunk)
  return Buffer.concat(parts)
}

/** Hands the server's answer to the client, as the fault has it. */
const respond = async (upstream: IncomingMessage, response: ServerResponse, fault: Fault | undefined, tear: Tear) => {
  const headers = { ...upstream.headers }
  const status = upstream.statusCode ?? 502
  const socket = response.socket
  const head = () => response.writeHead(status, headers)
  switch (fault?.kind) {
    case 'lost':
      await collect(upstream)
      tear(socket)
      return
    case 'reset':
      if (fault.after > 0) {
        head()
        await sendSome(upstream, response, fault.after)
      }
      tear(socket)
      return
    case 'stall':
      if (fault.after === 0) return
      head()
      return sendSome(upstream, response, fault.after)
    case 'truncate':
      head()
      await sendSome(upstream, response, fault.to)
      socket?.end()
      return
    case 'length':
      headers['content-length'] = String(fault.length)
      head()
      await sendSome(upstream, response, fault.length)
      response.end()
      return
    case 'chunked':
      delete headers['content-length']
      head()
      upstream.pipe(response)
      return
    case 'drip':
      head()
      return drip(upstream, response, fault.bytes, fault.every)
    case 'rewrite': {
      const body = Buffer.from(fault.text((await collect(upstream)).toString()))
      delete headers['transfer-encoding']
      headers['content-length'] = String(body.length)
      head()
      response.end(body)
      return
    }
    default:
      head()
      if (fault?.kind === 'flip') upstream.pipe(flipAt(fault.at)).pipe(response)
      else upstream.pipe(response)
  }
}

/** How many bytes a request brings; one that doesn't say so may bring any number. */
const bytesSent = ({ headers }: IncomingMessage): number =>
  headers['transfer-encoding'] === undefined ? Number(headers['content-length'] ?? 0) : Number.POSITIVE_INFINITY

/** Hands the client's body to the server, as the fault has it. */
const send = async (incoming: IncomingMessage, outgoing: ClientRequest, fault: Fault | undefined, tear: Tear) => {
  switch (fault?.kind) {
    case 'flip-request':
      incoming.pipe(flipAt(fault.at)).pipe(outgoing)
      return
    case 'reset-request': {
      let left = fault.after
      for await (const chunk of incoming as AsyncIterable<Buffer>) {
        left -= chunk.length
        if (left <= 0) break
      }
      outgoing.destroy()
      tear(incoming.socket)
      return
    }
    case 'drip-request':
      for await (const chunk of incoming as AsyncIterable<Buffer>)
        for (let at = 0; at < chunk.length && !outgoing.destroyed; at += fault.bytes) {
          outgoing.write(chunk.subarray(at, at + fault.bytes))
          await sleep(fault.every)
        }
      outgoing.end()
      return
    default:
      incoming.pipe(outgoing)
  }
}

/** `host`: the address to serve on; default: for this machine alone. `port`: default: a free one. `tls`: its certificate and key, in PEM. */
export const startFaultyProxy = async (
  target: string,
  {
    host = '127.0.0.1',
    port: wanted = 0,
    tls,
  }: { host?: string; port?: number; tls?: { cert: Buffer; key: Buffer } } = {},
): Promise<FaultyProxy> => {
  const upstream = new URL(target)
  const plan = new Plan()
  const log: Exchange[] = []
  let lastListing: Buffer | undefined
  /** Connections by the client's port: one with TLS can be torn only from below. */
  const plain = new Map<number | undefined, Socket>()
  const tear: Tear = (socket) => plain.get(socket?.remotePort)?.resetAndDestroy()

  const forward = (
    incoming: IncomingMessage,
    response: ServerResponse,
    fault: Fault | undefined,
    done: (status: number) => void,
  ) => {
    const options = {
      host: upstream.hostname,
      port: upstream.port,
      method: incoming.method,
      path: incoming.url,
      headers: incoming.headers,
      setHost: false,
    }
    const outgoing = request(options, (answered) => {
      done(answered.statusCode ?? 0)
      const listing = incoming.method === 'GET' && /[?&](list-type|versions)|\/o\?/.test(incoming.url ?? '')
      const parts: Buffer[] = []
      if (listing)
        answered
          .on('data', (chunk: Buffer) => parts.push(chunk))
          .on('end', () => {
            lastListing = Buffer.concat(parts)
          })
      respond(answered, response, fault, tear).catch(() => response.destroy())
    })
    outgoing.on('continue', () => response.writeContinue())
    outgoing.on('error', () => response.destroy())
    response.on('close', () => outgoing.destroy())
    send(incoming, outgoing, fault, tear).catch(() => response.destroy())
  }

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const url = new URL(incoming.url ?? '/', 'http://proxy')
    const key = decodeURIComponent(url.pathname).split('/').slice(2).join('/')
    const seen = { method: incoming.method ?? '', key, query: decodeURIComponent(url.search.slice(1)) }
    const { range } = incoming.headers
    const fault = plan.next({ ...seen, range, sends: bytesSent(incoming) })
    const exchange: Exchange = { ...seen, range, fault: fault?.kind }
    log.push(exchange)
    if (fault?.kind === 'status') {
      if (incoming.headers.expect !== undefined) response.writeContinue()
      await collect(incoming)
      exchange.status = fault.status
      return answer(response, fault)
    }
    if (fault?.kind === 'repeat-listing' && lastListing) {
      exchange.status = 200
      response.writeHead(200, { 'content-length': lastListing.length })
      return response.end(lastListing)
    }
    if (fault?.kind === 'before') await fault.run()
    // Whoever gave up in the meantime has asked for nothing.
    if (response.destroyed) return
    forward(incoming, response, fault, (status) => {
      exchange.status = status
    })
  }

  const listener = (incoming: IncomingMessage, response: ServerResponse) => {
    handle(incoming, response).catch(() => response.destroy())
  }
  const server = tls === undefined ? createServer(listener) : createSecureServer(tls, listener)
  // Whether to go on is the server's to say.
  server.on('checkContinue', listener)
  server.on('connection', (socket) => {
    plain.set(socket.remotePort, socket)
    socket.once('close', () => plain.delete(socket.remotePort))
  })
  await new Promise<void>((listening, failed) => {
    server.once('error', failed)
    server.listen(wanted, host, listening)
  })
  const { port } = server.address() as AddressInfo
  return {
    endpoint: `${tls === undefined ? 'http' : 'https'}://${host}:${port}`,
    log,
    plan(...rules) {
      plan.set(rules)
      log.length = 0
    },
    async stop() {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
