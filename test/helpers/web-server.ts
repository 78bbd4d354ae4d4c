import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export type Handler = (request: IncomingMessage, response: ServerResponse) => void

/** A web server of the tests; `asked` are its requests as `METHOD path range`. */
export interface WebServer {
  readonly url: string
  readonly asked: string[]
  /** How a path is answered; unknown ones are 404. */
  serve(path: string, handler: Handler | Buffer): void
  stop(): Promise<void>
}

/** Sends a file as most servers do: with its length, ranges, and HEAD. */
export const sendFile =
  (bytes: Buffer): Handler =>
  (request, response) => {
    const range = /^bytes=(\d+)-(\d*)$/.exec(request.headers.range ?? '')
    const from = range ? Number(range[1]) : 0
    const to = range?.[2] ? Math.min(Number(range[2]) + 1, bytes.length) : bytes.length
    if (range) response.setHeader('content-range', `bytes ${from}-${to - 1}/${bytes.length}`)
    response.setHeader('content-length', to - from)
    response.writeHead(range ? 206 : 200)
    response.end(request.method === 'HEAD' ? undefined : bytes.subarray(from, to))
  }

export const startWebServer = async (): Promise<WebServer> => {
  const handlers = new Map<string, Handler>()
  const asked: string[] = []
  const server = createServer((request, response) => {
    const path = (request.url ?? '').split('?')[0] ?? ''
    asked.push(`${request.method} ${path}${request.headers.range ? ` ${request.headers.range}` : ''}`)
    const handler = handlers.get(path)
    if (handler) handler(request, response)
    else response.writeHead(404).end()
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    serve: (path, handler) => void handlers.set(path, Buffer.isBuffer(handler) ? sendFile(handler) : handler),
    stop: async () => {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
