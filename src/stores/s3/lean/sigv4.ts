import { hash } from 'node:crypto'

export interface SigningKeys {
  accessKeyId: string
  secretAccessKey: string
  sessionToken?: string | undefined
}

/** What is signed. Path and query are percent-encoded as they are sent, the query's parameters in order. */
export interface Unsigned {
  method: string
  path: string
  query: string
  /** Lower-case names in order, `host` among them; values without spaces at their ends. */
  headers: [string, string][]
  /** sha256 of the body in hex, or a word of the protocol in its place. */
  payload: string
}

/** sha256 of nothing. */
export const emptyPayload = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'

const blockBytes = 64

/** HMAC-SHA256 with a key that is prepared once: for short texts Node's own takes several times as long, most of it over the key. */
class Hmac {
  readonly #inner = Buffer.alloc(4096)
  readonly #outer = Buffer.alloc(blockBytes + 32)

  constructor(key: string | Buffer) {
    const bytes = Buffer.from(key)
    const block = Buffer.alloc(blockBytes)
    ;(bytes.length > blockBytes ? hash('sha256', bytes, 'buffer') : bytes).copy(block)
    for (let i = 0; i < blockBytes; i++) {
      this.#inner[i] = block[i]! ^ 0x36
      this.#outer[i] = block[i]! ^ 0x5c
    }
  }

  /** Of a text of at most 1,000 characters. */
  sign(text: string): Buffer {
    return hash('sha256', this.#prepare(text), 'buffer')
  }

  signHex(text: string): string {
    return hash('sha256', this.#prepare(text), 'hex')
  }

  #prepare(text: string): Buffer {
    const end = blockBytes + this.#inner.write(text, blockBytes)
    hash('sha256', this.#inner.subarray(0, end), 'buffer').copy(this.#outer, blockBytes)
    return this.#outer
  }
}

const hmac = (key: string | Buffer, text: string): Buffer => new Hmac(key).sign(text)

/** Percent-encodes as the signature wants it: everything but the unreserved characters. */
export const encode = (text: string): string =>
  encodeURIComponent(text).replace(/[!'()*]/g, (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`)

/** `20130524T000000Z` */
export const timestamp = (milliseconds: number): string =>
  `${new Date(milliseconds).toISOString().replace(/[-:]/g, '').slice(0, 15)}Z`

/** Signs requests to one service in one region (AWS signature version 4); keeps the key of the day, which costs most to derive. */
export class Signer {
  readonly #region: string
  readonly #service: string
  #kept: { day: string; secret: string; key: Hmac } | undefined
  #second = 0
  #time = ''

  constructor(region: string, service: string) {
    this.#region = region
    this.#service = service
  }

  #dayKey(day: string, secret: string): Hmac {
    if (this.#kept?.day === day && this.#kept.secret === secret) return this.#kept.key
    const regional = hmac(hmac(`AWS4${secret}`, day), this.#region)
    const key = new Hmac(hmac(hmac(regional, this.#service), 'aws4_request'))
    this.#kept = { day, secret, key }
    return key
  }

  /** `timestamp`, made once a second. */
  time(milliseconds: number): string {
    const second = Math.floor(milliseconds / 1000)
    if (second !== this.#second) [this.#second, this.#time] = [second, timestamp(milliseconds)]
    return this.#time
  }

  /** The value of the header `authorization`. `time`: as in the header x-amz-date. */
  authorization(request: Unsigned, keys: SigningKeys, time: string): string {
    const day = time.slice(0, 8)
    let fields = ''
    let names = ''
    for (const header of request.headers) {
      fields += `${header[0]}:${header[1]}\n`
      names += names === '' ? header[0] : `;${header[0]}`
    }
    const canonical = `${request.method}\n${request.path}\n${request.query}\n${fields}\n${names}\n${request.payload}`
    const scope = `${day}/${this.#region}/${this.#service}/aws4_request`
    const text = `AWS4-HMAC-SHA256\n${time}\n${scope}\n${hash('sha256', canonical, 'hex')}`
    const signature = this.#dayKey(day, keys.secretAccessKey).signHex(text)
    return `AWS4-HMAC-SHA256 Credential=${keys.accessKeyId}/${scope}, SignedHeaders=${names}, Signature=${signature}`
  }
}
