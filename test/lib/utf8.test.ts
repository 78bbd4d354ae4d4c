import fc from 'fast-check'
import { expect, test } from 'vitest'
import { compareUtf8 } from '../../src/lib/utf8.ts'

const text = fc.string({ unit: 'binary' })

test('the order is that of the UTF-8 bytes', () => {
  const sameOrder = (a: string, b: string) => {
    expect(Math.sign(compareUtf8(a, b))).toBe(Buffer.compare(Buffer.from(a), Buffer.from(b)))
  }
  fc.assert(fc.property(text, text, sameOrder))
  fc.assert(fc.property(text, text, text, (head, a, b) => sameOrder(head + a, head + b)))
  sameOrder('\u{ff5e}', '\u{1f600}')
  sameOrder('\u{d7ff}', '\u{10000}')
  sameOrder('\u{e000}', '\u{1f600}')
})
