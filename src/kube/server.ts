import { createServer, type RequestListener, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Registry } from 'prom-client'

export interface Listening {
  port: number
  close(): Promise<void>
}

/** `/metrics` on an address like `:8080` or `127.0.0.1:0`. */
export const serveMetrics = (address: string, registry: Registry): Promise<Listening> =>
  listen(address, async (request, response) => {
    if (request.url !== '/metrics') return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': registry.contentType }).end(await registry.metrics())
  })

/** `/healthz`: the process answers. `/readyz`: `notReady` names nothing that is missing. */
export const serveHealth = (address: string, notReady: () => string[]): Promise<Listening> =>
  listen(address, (request, response) => {
    const missing = request.url === '/readyz' ? notReady() : []
    if (request.url !== '/healthz' && request.url !== '/readyz') response.writeHead(404).end()
    else if (missing.length > 0) response.writeHead(503).end(`waiting for ${missing.join(', ')}\n`)
    else response.writeHead(200).end('ok\n')
  })

const listen = async (address: string, handler: RequestListener): Promise<Listening> => {
  const colon = address.lastIndexOf(':')
  const host = address.slice(0, colon)
  const server = createServer(handler)
  await new Promise<void>((resolve, reject) => {
    server.once('error', (error) => reject(new Error(`can not listen on ${address}: ${error.message}`)))
    server.listen({ port: Number(address.slice(colon + 1)), ...(host ? { host } : {}) }, resolve)
  })
  return { port: (server.address() as AddressInfo).port, close: () => close(server) }
}

const close = (server: Server): Promise<void> =>
  new Promise((resolve) => {
    server.close(() => resolve())
    server.closeAllConnections()
  })
