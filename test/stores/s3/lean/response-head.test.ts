import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  HeadReader,
  NotUnderstood,
  parseHead,
  type ResponseHead,
} from '../../../../src/stores/s3/lean/response-head.ts'

const usual = [
  'HTTP/1.1 206 Partial Content',
  'Content-Length: 1234',
  'ETag: "abc"',
  'content-range: bytes 0-1233/5000',
  'X-Amz-Meta-Odd: \x80\xff, \ttab',
  'Vary: a',
  'Vary: b  ',
]

const read = (pieces: Buffer[]): { head: ResponseHead; rest: string } | undefined => {
  const reader = new HeadReader()
  for (const [i, piece] of pieces.entries()) {
    // As on a connection, where the buffer is used again.
    const reused = Buffer.from(piece)
    const found = reader.push(reused)
    if (found)
      return { head: found.head, rest: Buffer.concat([piece.subarray(found.used), ...pieces.slice(i + 1)]).toString() }
    reused.fill(0)
  }
  return undefined
}

describe('the head of an answer', () => {
  test('is understood', () => {
    const head = parseHead(usual.join('\r\n'))
    expect(head).toMatchObject({ status: 206, length: 1234, keepAlive: true })
    expect(Object.fromEntries(head.headers)).toEqual({
      'content-length': '1234',
      etag: '"abc"',
      'content-range': 'bytes 0-1233/5000',
      'x-amz-meta-odd': '\x80\xff, \ttab',
      vary: 'a, b',
    })
  })

  test('is the same however the bytes are split, and takes none of the body', () => {
    const whole = Buffer.from(`${usual.join('\r\n')}\r\n\r\nbody\r\n\r\nbody`, 'latin1')
    const expected = read([whole])
    expect(expected?.rest).toBe('body\r\n\r\nbody')
    const cuts = fc.array(fc.integer({ min: 0, max: whole.length }), { maxLength: 30 })
    fc.assert(
      fc.property(cuts, (at) => {
        const places = [0, ...at.sort((a, b) => a - b), whole.length]
        const pieces = places.slice(1).map((end, i) => whole.subarray(places[i], end))
        expect(read(pieces)).toEqual(expected)
      }),
    )
    expect(read([...whole].map((byte) => Buffer.from([byte])))).toEqual(expected)
  })

  test.each([
    ['without a length', ['HTTP/1.1 200 OK'], { length: undefined, keepAlive: false }],
    ['in chunks', ['HTTP/1.1 503 x', 'Transfer-Encoding: chunked'], { length: undefined, keepAlive: false }],
    ['both ways', ['HTTP/1.1 200', 'Content-Length: 5', 'Transfer-Encoding: chunked'], { length: undefined }],
    ['the last one', ['HTTP/1.1 200 OK', 'Content-Length: 0', 'Connection: Close'], { length: 0, keepAlive: false }],
    ['no reason', ['HTTP/1.1 200', 'content-length:7'], { status: 200, length: 7, keepAlive: true }],
  ])('%s', (_what, lines, expected) => {
    expect(parseHead(lines.join('\r\n'))).toMatchObject(expected)
  })

  test.each([
    ['another protocol', ['HTTP/1.0 200 OK', 'Content-Length: 1']],
    ['no status', ['HTTP/1.1 20 OK']],
    ['a status that is none', ['HTTP/1.1 999 OK']],
    ['something else', ['SSH-2.0-x']],
    ['two lengths', ['HTTP/1.1 200 OK', 'Content-Length: 1', 'Content-Length: 1']],
    ['two etags', ['HTTP/1.1 200 OK', 'ETag: a', 'etag: b']],
    ['a length that is none', ['HTTP/1.1 200 OK', 'Content-Length: 1e3']],
    ['a negative length', ['HTTP/1.1 200 OK', 'Content-Length: -1']],
    ['two lengths in one', ['HTTP/1.1 200 OK', 'Content-Length: 1, 1']],
    ['a folded line', ['HTTP/1.1 200 OK', 'A: b', ' c']],
    ['a space before the colon', ['HTTP/1.1 200 OK', 'Content-Length : 1']],
    ['no colon', ['HTTP/1.1 200 OK', 'Content-Length']],
    ['a bare line feed', ['HTTP/1.1 200 OK', 'A: b\nContent-Length: 1']],
    ['a bare return', ['HTTP/1.1 200 OK', 'A: b\rc']],
    ['a zero byte', ['HTTP/1.1 200 OK', 'A: \0']],
  ])('is not guessed at: %s', (_what, lines) => {
    expect(() => parseHead(lines.join('\r\n'))).toThrow(NotUnderstood)
  })

  test('never throws anything else, and never ends up without an end', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 200 }), (text) => {
        try {
          parseHead(`HTTP/1.1 200 OK\r\n${text}`)
        } catch (error) {
          expect(error).toBeInstanceOf(NotUnderstood)
        }
      }),
    )
    expect(() => read(Array.from({ length: 40 }, () => Buffer.alloc(1024, 'a')))).toThrow(NotUnderstood)
    expect(() => read([Buffer.concat([Buffer.alloc(40_000, 'a'), Buffer.from('\r\n\r\n')])])).toThrow(NotUnderstood)
  })
})
