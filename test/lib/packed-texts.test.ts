import fc from 'fast-check'
import { expect, test } from 'vitest'
import { packTexts, unpackTexts } from '../../src/lib/packed-texts.ts'

test('any texts come back, and take no more room than they have and a line', () => {
  const text = fc.string({ unit: fc.constantFrom('a', '"', '\n', '\\', 'é', '\u{10000}', '\u0001'), maxLength: 20 })
  const property = fc.property(fc.dictionary(text, text, { maxKeys: 6 }), (texts) => {
    const packed = packTexts(texts)
    expect([...(unpackTexts(packed) ?? [])]).toEqual(Object.entries(texts))
    const tail = Object.values(texts).join('')
    expect(packed.endsWith(tail)).toBe(true)
  })
  fc.assert(property)
})

test.each(['', '{}', '{"http":[]}', '[["a",3]]\nab', '[["a",1]]\nab'])(
  'what is something else is not taken for it: %j',
  (text) => {
    expect(unpackTexts(text)).toBeUndefined()
  },
)
