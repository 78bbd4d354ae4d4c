import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

/**
 * In front of fake-gcs-server: answers the question how far a resumable upload is as Google Cloud Storage does. The fake takes it for the end of the
 * upload, and makes an object of what it has.
 */
export interface ResumableStatus {
  readonly endpoint: string
  stop(): Promise<void>
}

/** What became of an upload so far: bytes that are there, or the answer that ended it. */
type Standing = { bytes: number } | { body: Buffer }

const collect = async (from: IncomingMessage): Promise<Buffer> => {
  const parts: Buffer[] = []
  for await (const chunk of from as AsyncIterable<Buffer>) parts.push(chunk)
  return Buffer.concat(parts)
}

const answer = (response: ServerResponse, standing: Standing) => {
  if ('body' in standing) response.writeHead(200, { 'content-type': 'application/json' }).end(standing.body)
  else response.writeHead(308, standing.bytes > 0 ? { range: `bytes=0-${standing.bytes - 1}` } : {}).end()
}

export const startResumableStatus = async (target: string): Promise<ResumableStatus> => {
  const upstream = new URL(target)
  const uploads = new Map<string, Standing>()

  /** Pieces on their way: what came whole is passed on to its end though nobody waits any more, and whoever asks hears of it. */
  const underWay = new Map<string, Promise<void>>()

  const handle = async (incoming: IncomingMessage, response: ServerResponse) => {
    const { method, url: path = '/', headers } = incoming
    const id = new URL(path, target).searchParams.get('upload_id') ?? ''
    const range = /^bytes (\*|\d+-(\d+))\/\d+$/.exec(headers['content-range'] ?? '')
    await underWay.get(id)
    if (range?.[1] === '*') {
      incoming.resume()
      return answer(response, uploads.get(id) ?? { bytes: 0 })
    }
    const options = { host: upstream.hostname, port: upstream.port, method, path, headers, setHost: false }
    const passed = new Promise<void>((resolve) => {
      const onward = request(options, async (answered) => {
        const status = answered.statusCode ?? 500
        const body = await collect(answered)
        if (range !== null && status === 308) uploads.set(id, { bytes: Number(range[2]) + 1 })
        if (range !== null && status === 200) uploads.set(id, { body })
        response.writeHead(status, answered.headers).end(body)
        resolve()
      })
      onward.on('error', () => response.destroy()).on('close', () => resolve())
      response.on('close', () => {
        if (!incoming.complete) onward.destroy()
      })
      incoming.pipe(onward)
    })
    if (range === null) return
    underWay.set(id, passed)
    await passed
    underWay.delete(id)
  }

  const server = createServer((incoming, response) => {
    handle(incoming, response).catch(() => response.destroy())
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
