import { createServer, type IncomingMessage, request } from 'node:http'
import type { AddressInfo } from 'node:net'

/** In front of a store: looks at the token of every request, and passes on what may. */
export interface TokenGate {
  readonly endpoint: string
  stop(): Promise<void>
}

const kinds = {
  s3: {
    token: ({ headers }: IncomingMessage) => String(headers['x-amz-security-token'] ?? ''),
    status: 400,
    body: '<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code><Message>no longer</Message></Error>',
  },
  gcs: {
    token: ({ headers }: IncomingMessage) => (headers.authorization ?? '').replace('Bearer ', ''),
    status: 401,
    body: '{"error":{"code":401,"errors":[{"reason":"authError","message":"no longer"}]}}',
  },
}

/** `admits` hears of every request: its token, and itself. What it refuses is answered as the store does when a token has ended. */
export const startTokenGate = async (
  target: string,
  kind: keyof typeof kinds,
  admits: (token: string, request: IncomingMessage) => boolean | Promise<boolean>,
): Promise<TokenGate> => {
  const { token, status, body } = kinds[kind]
  const upstream = new URL(target)
  const server = createServer(async (incoming, response) => {
    if (!(await admits(token(incoming), incoming))) {
      incoming.resume()
      incoming.on('end', () => response.writeHead(status, { 'content-length': Buffer.byteLength(body) }).end(body))
      return
    }
    const { method, url: path, headers } = incoming
    const options = { host: upstream.hostname, port: upstream.port, method, path, headers, setHost: false }
    const onward = request(options, (answer) => {
      response.writeHead(answer.statusCode ?? 500, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    incoming.pipe(onward)
  })
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening))
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    stop: async () => {
      server.closeAllConnections()
      await new Promise((closed) => server.close(closed))
    },
  }
}
