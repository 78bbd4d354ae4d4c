/** The head of an HTTP/1.1 answer, as far as the lean path needs it. */
export interface ResponseHead {
  status: number
  /** By lower-case name; of a name that comes more than once, all values with `, ` between. */
  headers: Map<string, string>
  /** Bytes of the body; undefined where nothing but the end of the connection or chunks tell. */
  length: number | undefined
  /** Whether the connection may serve another request. */
  keepAlive: boolean
}

/** An answer that the lean path makes nothing of. It is never guessed at: the ordinary client asks once more. */
export class NotUnderstood extends Error {
  /** The server said no: what was asked for did not take place. */
  readonly refused: boolean
  constructor(what: string, refused = false) {
    super(`not understood: ${what}`)
    this.name = 'NotUnderstood'
    this.refused = refused
  }
}

const longest = 32 * 1024
const end = Buffer.from('\r\n\r\n')
const statusLine = /^HTTP\/1\.1 [1-5]\d\d(?: [\t\x20-\x7e\x80-\xff]*)?$/
const field = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+:[\t\x20-\x7e\x80-\xff]*$/
/** What these say twice, a smuggler may have said. */
const once = new Set(['content-length', 'content-range', 'transfer-encoding', 'etag', 'x-amz-version-id'])

const lengthOf = (headers: Map<string, string>): number | undefined => {
  const said = headers.get('content-length')
  if (said === undefined || headers.has('transfer-encoding')) return undefined
  if (!/^\d{1,15}$/.test(said)) throw new NotUnderstood('a content-length that is no number')
  return Number(said)
}

const addField = (headers: Map<string, string>, line: string): void => {
  if (!field.test(line)) throw new NotUnderstood('a header line')
  const colon = line.indexOf(':')
  const name = line.slice(0, colon).toLowerCase()
  const value = line.slice(colon + 1).trim()
  const before = headers.get(name)
  if (before !== undefined && once.has(name)) throw new NotUnderstood(`${name} twice`)
  headers.set(name, before === undefined ? value : `${before}, ${value}`)
}

/** Parses a whole head, without the empty line that ends it. */
export const parseHead = (text: string): ResponseHead => {
  let end = text.indexOf('\r\n')
  const first = end < 0 ? text : text.slice(0, end)
  if (!statusLine.test(first)) throw new NotUnderstood('the status line')
  const status = Number(first.slice(9, 12))
  const headers = new Map<string, string>()
  while (end >= 0) {
    const start = end + 2
    end = text.indexOf('\r\n', start)
    addField(headers, end < 0 ? text.slice(start) : text.slice(start, end))
  }
  const length = lengthOf(headers)
  const connection = headers.get('connection')
  const keepAlive = length !== undefined && (connection === undefined || !/\b(close|upgrade)\b/i.test(connection))
  return { status, headers, length, keepAlive }
}

/** Puts a head together from the pieces in which it arrives. */
export class HeadReader {
  #held: Buffer | undefined

  /**
   * Takes bytes of the connection; what it keeps is copied. Undefined: the head goes on in the next piece. Else the head, and how many bytes of this
   * piece belong to it.
   */
  push(piece: Buffer): { head: ResponseHead; used: number } | undefined {
    const held = this.#held?.length ?? 0
    const all = this.#held === undefined ? piece : Buffer.concat([this.#held, piece])
    const at = all.indexOf(end, Math.max(0, held - end.length + 1))
    if (at > longest || (at < 0 && all.length > longest)) throw new NotUnderstood('a head that is very long')
    if (at < 0) {
      this.#held = held === 0 ? Buffer.from(piece) : all
      return undefined
    }
    this.#held = undefined
    return { head: parseHead(all.toString('latin1', 0, at)), used: at + end.length - held }
  }
}
