import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { type Connection, createAgent } from '../../src/kube/connection.ts'

export interface FakeApi {
  connection: Connection
  /** `GET /api/v1/pods?watch=true…`, in order. */
  requests: string[]
  /** Cuts every open connection. */
  cut(): void
  close(): Promise<void>
}

export type Answer = (
  request: { url: URL; method: string; body: string; headers: IncomingMessage['headers'] },
  response: ServerResponse,
) => void

/** An HTTP server on this machine that answers as a test says, for what a real API server does only when it is in trouble. */
export const startFakeApi = async (answer: Answer): Promise<FakeApi> => {
  const requests: string[] = []
  const server = createServer(async (request, response) => {
    requests.push(`${request.method} ${request.url}`)
    let body = ''
    for await (const chunk of request) body += chunk
    answer(
      { url: new URL(request.url ?? '/', 'http://fake'), method: request.method ?? '', body, headers: request.headers },
      response,
    )
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const agent = createAgent()
  return {
    connection: {
      server: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
      authenticate: async () => ({ headers: { Authorization: 'Bearer t' }, dispatcher: agent }),
      close: () => agent.destroy(),
    },
    requests,
    cut: () => server.closeAllConnections(),
    close: async () => {
      await agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

export const json = (response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}) =>
  void response.writeHead(code, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(body))

export const status = (response: ServerResponse, code: number, reason: string, message = reason) =>
  json(response, code, { kind: 'Status', code, reason, message })
