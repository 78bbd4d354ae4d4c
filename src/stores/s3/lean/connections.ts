import { Connection, type ConnectionOptions } from './connection.ts'
import type { Site } from './site.ts'

/** Connections to one site, used again while they last. How many there are at once is up to the caller. */
export class Connections {
  readonly #site: Site
  readonly #options: ConnectionOptions
  readonly #idle: Connection[] = []
  readonly #busy = new Set<Connection>()

  constructor(site: Site, options: ConnectionOptions) {
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
    const connection = found ?? new Connection(this.#site, this.#options)
    this.#busy.add(connection)
    return connection
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
