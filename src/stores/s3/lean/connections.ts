import { createSecureContext, type SecureContext } from 'node:tls'
import { AbortListeners } from '../../../lib/abort-listeners.ts'
import { Connection, type ConnectionOptions, type Receiver } from './connection.ts'
import type { ResponseHead } from './response-head.ts'
import type { Site } from './site.ts'

export interface ConnectionsOptions extends ConnectionOptions {
  /** All authorities to trust, as PEM; the usual ones if absent. */
  ca?: string[] | undefined
}

/** Connections to one site, used again while they last. How many there are at once is up to the caller. */
export class Connections {
  readonly #site: Pick<Site, 'tls' | 'host' | 'port'>
  readonly #options: ConnectionsOptions
  #secure: SecureContext | undefined
  readonly #idle: Connection[] = []
  readonly #busy = new Set<Connection>()
  readonly #aborts = new AbortListeners()

  constructor(site: Pick<Site, 'tls' | 'host' | 'port'>, options: ConnectionsOptions) {
    this.#site = site
    this.#options = options
  }

  /** The one that rested least, or a new one (`fresh`: in any case). */
  take(fresh: boolean): Connection {
    let found: Connection | undefined
    while (!fresh && !found?.usable) {
      found = this.#idle.pop()
      if (found === undefined) break
    }
    const connection = found ?? this.#open()
    this.#busy.add(connection)
    return connection
  }

  #open(): Connection {
    const { ca } = this.#options
    if (this.#site.tls) this.#secure ??= createSecureContext(ca ? { ca } : {})
    return new Connection(this.#site, this.#options, this.#secure)
  }

  /**
   * One exchange. Over a connection that had rested it may fail since the server has closed it meanwhile: where it is `harmless` to ask twice, it is made at once
   * over a new one. Fails with what the connection or the receiver fails with, or the signal's reason.
   */
  async exchange(
    request: (Uint8Array | string)[],
    receiver: Receiver,
    signal: AbortSignal | undefined,
    harmless: boolean,
  ): Promise<ResponseHead> {
    let answered = false
    const watched: Receiver = {
      begin: (head) => {
        answered = true
        return receiver.begin(head)
      },
      data: receiver.data,
      bodiless: receiver.bodiless,
    }
    for (let fresh = false; ; fresh = true) {
      signal?.throwIfAborted()
      const connection = this.take(fresh)
      const stop = () => connection.destroy(signal!.reason)
      if (signal) this.#aborts.add(signal, stop)
      try {
        return await connection.exchange(request, watched)
      } catch (error) {
        if (fresh || !harmless || answered || !connection.servedBefore || signal?.aborted) throw error
      } finally {
        if (signal) this.#aborts.remove(signal, stop)
        this.give(connection)
      }
    }
  }

  give(connection: Connection): void {
    this.#busy.delete(connection)
    if (!connection.usable) return
    connection.rest()
    this.#idle.push(connection)
  }

  close(): void {
    for (const connection of [...this.#idle, ...this.#busy]) connection.destroy()
    this.#idle.length = 0
    this.#busy.clear()
  }
}
