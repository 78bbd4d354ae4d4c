import { connect, isIP, type OnReadOpts, type Socket } from 'node:net'
import { connect as connectTls, type SecureContext } from 'node:tls'
import { HeadReader, NotUnderstood, type ResponseHead } from './response-head.ts'
import type { Site } from './site.ts'

/** What becomes of an answer. Whatever these throw ends the exchange with that error. */
export interface Receiver {
  /** The head is there. False: the body is of no interest, and the connection is given up. */
  begin(head: ResponseHead): boolean
  /** Bytes of the body, good only during the call. */
  data(chunk: Buffer): void
  /** The answer is a head alone, whatever it says of a length: as to HEAD. */
  bodiless?: boolean | undefined
}

export interface ConnectionOptions {
  /** Milliseconds without a byte in either direction after which the connection counts as dead. */
  stall: number
}

interface Current {
  receiver: Receiver
  head: ResponseHead | undefined
  left: number
  resolve: (head: ResponseHead) => void
  reject: (error: unknown) => void
}

const readBytes = 256 * 1024
/** A connection that nobody uses is closed after this many milliseconds: before most servers do it. */
const idleTime = 4_000

const networkError = (code: string): Error => Object.assign(new Error(code), { code })

/** One connection: one request at a time, and the bytes of its answer straight from one buffer that is used again and again. */
export class Connection {
  readonly #socket: Socket
  readonly #stall: number
  readonly #reader = new HeadReader()
  #current: Current | undefined
  #exchanges = 0
  #open = true

  /** `secure`: of a site with TLS; one for all connections, since reading the authorities takes long. */
  constructor(
    site: Pick<Site, 'tls' | 'host' | 'port'>,
    options: ConnectionOptions,
    secure: SecureContext | undefined,
  ) {
    const { host, port } = site
    this.#stall = options.stall
    const onread: OnReadOpts = {
      buffer: Buffer.allocUnsafeSlow(readBytes),
      callback: (count, buffer) => {
        this.#take((buffer as Buffer).subarray(0, count))
        return true
      },
    }
    const name = isIP(host) === 0 ? { servername: host } : {}
    const tls = {
      host,
      port,
      onread,
      ...name,
      ...(secure ? { secureContext: secure } : {}),
      ALPNProtocols: ['http/1.1'],
    }
    this.#socket = site.tls ? connectTls(tls) : connect({ host, port, onread, noDelay: true })
    this.#socket.setTimeout(Math.min(10_000, options.stall))
    this.#socket.once(site.tls ? 'secureConnect' : 'connect', () => this.#socket.setTimeout(this.#stall))
    this.#socket.on('timeout', () => this.#fail(networkError('ETIMEDOUT')))
    this.#socket.on('error', (error) => this.#fail(error))
    for (const event of ['end', 'close']) this.#socket.on(event, () => this.#fail(networkError('ECONNRESET')))
  }

  /** Whether another request may be sent. */
  get usable(): boolean {
    return this.#open && this.#current === undefined
  }

  /** It has served before: then it may have been closed by the server just now, which says nothing of the request. */
  get servedBefore(): boolean {
    return this.#exchanges > 1
  }

  /** Sends a request (texts have a character for each byte) and receives its answer; the promise settles when the last byte is through. */
  exchange(request: (Uint8Array | string)[], receiver: Receiver): Promise<ResponseHead> {
    this.#exchanges++
    return new Promise((resolve, reject) => {
      if (!this.usable) return reject(networkError('ECONNRESET'))
      this.#current = { receiver, head: undefined, left: 0, resolve, reject }
      this.#socket.ref()
      this.#socket.setTimeout(this.#socket.connecting ? Math.min(10_000, this.#stall) : this.#stall)
      const several = request.length > 1
      if (several) this.#socket.cork()
      for (const part of request) this.#socket.write(part, 'latin1')
      if (several) this.#socket.uncork()
    })
  }

  /** Waits for another request, without keeping the process alive. */
  rest(): void {
    this.#socket.setTimeout(idleTime)
    this.#socket.unref()
  }

  destroy(error: unknown = networkError('ECONNRESET')): void {
    this.#fail(error)
  }

  #take(piece: Buffer): void {
    const current = this.#current
    // Bytes that nobody asked for.
    if (current === undefined) {
      this.#fail(networkError('EPROTO'))
      return
    }
    try {
      const rest = current.head === undefined ? this.#takeHead(current, piece) : piece
      if (rest !== undefined) this.#takeBody(current, rest)
    } catch (error) {
      this.#fail(error)
    }
  }

  /** What of the piece is behind the head; undefined: nothing more is to be taken of it. */
  #takeHead(current: Current, piece: Buffer): Buffer | undefined {
    const found = this.#reader.push(piece)
    if (found === undefined) return undefined
    current.head = found.head
    if (!current.receiver.begin(found.head)) {
      this.#finish(current, false)
      return undefined
    }
    const length = current.receiver.bodiless ? 0 : found.head.length
    if (length === undefined) throw new NotUnderstood('a body without a length')
    current.left = length
    return piece.subarray(found.used)
  }

  #takeBody(current: Current, rest: Buffer): void {
    const mine = rest.length > current.left ? rest.subarray(0, current.left) : rest
    current.left -= mine.length
    if (mine.length > 0) current.receiver.data(mine)
    if (current.left > 0) return
    // An answer before the whole request was sent, or bytes behind the answer: nothing more to expect of this connection.
    const clean = rest.length === mine.length && this.#socket.writableLength === 0
    this.#finish(current, clean && current.head!.keepAlive)
  }

  #finish(current: Current, usable: boolean): void {
    this.#current = undefined
    if (!usable) this.#close()
    current.resolve(current.head!)
  }

  #fail(error: unknown): void {
    const current = this.#current
    this.#current = undefined
    this.#close()
    current?.reject(error)
  }

  #close(): void {
    if (!this.#open) return
    this.#open = false
    this.#socket.destroy()
  }
}
