import { once } from 'node:events'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'

/** A door to a server through which all bytes are counted. */
export interface Meter {
  port: number
  /** Bytes that came from the server so far. */
  received: number
  close(): Promise<void>
}

/** Listens on every address of this machine, so that pods can use it. */
export const startMeter = async (target: { host: string; port: number }): Promise<Meter> => {
  const sockets = new Set<Socket>()
  const server = createServer((client) => {
    const upstream = connect(target)
    upstream.on('data', (bytes: Buffer) => {
      meter.received += bytes.length
    })
    for (const [from, to] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => sockets.delete(from))
      from.pipe(to)
    }
  })
  server.listen(0, '0.0.0.0')
  await once(server, 'listening')
  const meter: Meter = {
    port: (server.address() as AddressInfo).port,
    received: 0,
    close: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
  return meter
}
