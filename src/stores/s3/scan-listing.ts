import type { ListedObject } from '../object-store.ts'

export interface ScannedPage {
  objects: ListedObject[]
  truncated: boolean
  /** What the next page is asked for with. */
  token: string | undefined
}

const names: Record<string, string> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

const unescaped = (text: string): string =>
  text.includes('&')
    ? text.replace(/&(?:#x([0-9a-fA-F]+)|#(\d+)|(\w+));/g, (whole, hex?: string, digits?: string, name = '') => {
        if (hex !== undefined) return String.fromCodePoint(Number.parseInt(hex, 16))
        if (digits !== undefined) return String.fromCodePoint(Number(digits))
        return names[name] ?? whole
      })
    : text

/** The text of the first such element between two places. */
const element = (text: string, name: string, from: number, to: number): string | undefined => {
  const open = `<${name}>`
  const at = text.indexOf(open, from)
  if (at < 0 || at >= to) return undefined
  const start = at + open.length
  const end = text.indexOf('<', start)
  return end < 0 || end > to ? undefined : unescaped(text.slice(start, end))
}

const quotes = /^"|"$/g
const digits = /^\d{1,15}$/

const objectAt = (
  text: string,
  from: number,
  to: number,
  decode: (key: string) => string,
): ListedObject | undefined => {
  const key = element(text, 'Key', from, to)
  const size = element(text, 'Size', from, to)
  if (key === undefined || size === undefined || !digits.test(size)) return undefined
  const etag = element(text, 'ETag', from, to)?.replace(quotes, '')
  const modified = Date.parse(element(text, 'LastModified', from, to) ?? '')
  const object: ListedObject = { key: decode(key), size: Number(size) }
  if (etag) object.etag = etag
  if (!Number.isNaN(modified)) object.modified = modified
  return object
}

/** Keys travel url-encoded, since XML can't hold every character; servers that don't know the option answer plain. */
export const keyDecoder = (encoding: string | undefined): ((key: string) => string) =>
  encoding === 'url'
    ? (key) => (key.includes('%') || key.includes('+') ? decodeURIComponent(key.replaceAll('+', ' ')) : key)
    : (key) => key

const [open, close] = ['<Contents>', '</Contents>']

/**
 * Reads an answer to ListObjectsV2 as servers write it, many times as fast as a parser of XML. Undefined: something is in it that this doesn't
 * understand, or it is not whole, and a real parser has to look at it.
 */
export const scanListing = (text: string): ScannedPage | undefined => {
  if (text.includes('<!') || !text.trimEnd().endsWith('</ListBucketResult>')) return undefined
  const first = text.indexOf('<Contents')
  const last = text.lastIndexOf(close)
  // What is not about one object stands before or behind them all.
  const rest = first < 0 ? text : text.slice(0, first) + text.slice(last + close.length)
  const truncated = element(rest, 'IsTruncated', 0, rest.length)
  if ((truncated !== 'true' && truncated !== 'false') || rest.includes('<CommonPrefixes')) return undefined
  const decode = keyDecoder(element(rest, 'EncodingType', 0, rest.length))
  const objects: ListedObject[] = []
  for (let at = first; at >= 0 && at < last; ) {
    if (!text.startsWith(open, at)) return undefined
    const end = text.indexOf(close, at)
    const object = objectAt(text, at, end, decode)
    if (object === undefined) return undefined
    objects.push(object)
    at = text.indexOf('<', end + close.length)
  }
  const token = element(rest, 'NextContinuationToken', 0, rest.length)
  if (truncated === 'true' && !token) return undefined
  return { objects, truncated: truncated === 'true', token }
}
