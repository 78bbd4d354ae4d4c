import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type DatasetRef, formatRef, formatSelector, parseRef, parseSelector, tagProblem } from '../../src/api/ref.ts'
import { meaninglessRefPattern, refPattern, reservedTagPattern, tagPattern } from '../../src/api/ref-pattern.ts'

const letters = 'abcdefghijklmnopqrstuvwxyz0123456789'
const word = (inner: string, max: number) =>
  fc
    .tuple(
      fc.constantFrom(...letters),
      fc.string({ unit: fc.constantFrom(...letters, ...inner), maxLength: max - 2 }),
      fc.constantFrom(...letters),
    )
    .map(([first, middle, last]) => first + middle + last)

const tag = word('-._', 63).filter((text) => tagProblem(text) === undefined)
const hex = fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: 12, maxLength: 64 })
const selector: fc.Arbitrary<DatasetRef['selector']> = fc.oneof(
  fc.constant({ kind: 'latest' } as const),
  fc.constant({ kind: 'run' } as const),
  fc.integer({ min: 1, max: 9_999_999_999 }).map((sequence) => ({ kind: 'number', sequence }) as const),
  tag.map((text) => ({ kind: 'tag', tag: text }) as const),
)
const ref: fc.Arbitrary<DatasetRef> = fc
  .record({ namespace: fc.option(word('-', 63)), name: word('-.', 48), selector, digest: fc.option(hex) })
  .map(({ namespace, digest, ...rest }) => ({
    ...rest,
    ...(namespace === null ? {} : { namespace }),
    ...(digest === null ? {} : { digest }),
  }))

describe('refs', () => {
  test('what is written is what is read', () => {
    fc.assert(
      fc.property(ref, (value) => {
        expect(parseRef(formatRef(value))).toEqual({ value })
      }),
    )
  })

  test('what is read is written in its full form, once and for all', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(...'abv01/:@-.sha256:latest'), maxLength: 40 }), (text) => {
        const parsed = parseRef(text)
        if (parsed.value === undefined) return
        const full = formatRef(parsed.value)
        expect(parseRef(full)).toEqual(parsed)
        expect(full.startsWith(text.split(/[:@]/)[0] ?? '')).toBe(true)
      }),
    )
  })

  test('CEL of the resources and the parser take the same', () => {
    const inCel = (text: string) => new RegExp(refPattern).test(text) && !new RegExp(meaninglessRefPattern).test(text)
    const near = fc
      .tuple(ref, fc.constantFrom('', ':', ':v0', ':v03', ':v', ':none', ':sha256', ':0123456789ab', '@sha256:00', '/'))
      .map(([value, tail]) => formatRef(value).split(':')[0] + tail)
    const text = fc.oneof(ref.map(formatRef), near, fc.string({ unit: fc.constantFrom(...'abv01/:@-._') }))
    fc.assert(
      fc.property(text, (t) => {
        expect(inCel(t)).toBe(parseRef(t).value !== undefined)
      }),
    )
  })

  test.each([
    ['mnist', { name: 'mnist', selector: { kind: 'latest' } }],
    ['mnist:latest', { name: 'mnist', selector: { kind: 'latest' } }],
    ['mnist:v12', { name: 'mnist', selector: { kind: 'number', sequence: 12 } }],
    ['mnist:run', { name: 'mnist', selector: { kind: 'run' } }],
    ['data/imagenet:prod', { namespace: 'data', name: 'imagenet', selector: { kind: 'tag', tag: 'prod' } }],
    ['mnist@sha256:0123456789ab', { name: 'mnist', selector: { kind: 'latest' }, digest: '0123456789ab' }],
    ['imagenet.2012:v1.2', { name: 'imagenet.2012', selector: { kind: 'tag', tag: 'v1.2' } }],
  ])('%s', (text, value) => {
    expect(parseRef(text)).toEqual({ value })
  })

  test.each([
    '',
    'Mnist',
    'a/b/c',
    'mnist:',
    'mnist:v0',
    'mnist:v03',
    'mnist:none',
    'mnist:0123456789ab',
    'mnist@sha256:0123',
    'mnist@md5:0123456789ab',
    'mnist:v1:v2',
    '/mnist',
    `${'a'.repeat(49)}`,
    's3://bucket/mnist',
  ])('%s is refused with a sentence', (text) => {
    expect(parseRef(text).problem).toMatch(/\w+ .+/)
  })
})

describe('tags', () => {
  test.each(['latest', 'run', 'none', 'v3', 'v03', 'sha256', 'sha256-abc', '0123456789ab', '', '-a', 'a-', 'A', 'a b'])(
    '"%s" is none',
    (text) => {
      expect(tagProblem(text)).toContain('is no tag')
    },
  )

  test.each(['prod', '2026-01-01', 'v1.2', 'vx', 'a', 'release_3', 'abcdef'])('"%s" is one', (text) => {
    expect(tagProblem(text)).toBeUndefined()
  })

  test('CEL of the resources says the same', () => {
    const inCel = (text: string) => new RegExp(tagPattern).test(text) && !new RegExp(reservedTagPattern).test(text)
    const text = fc.oneof(word('-._', 63), hex, fc.string({ unit: fc.constantFrom(...'v0123abf-._A') }))
    fc.assert(
      fc.property(text, (t) => {
        expect(inCel(t)).toBe(tagProblem(t) === undefined)
      }),
    )
  })
})

describe('selectors', () => {
  test('what is written is what is read', () => {
    fc.assert(
      fc.property(selector, (value) => {
        expect(parseSelector(formatSelector(value))).toEqual({ value: { selector: value } })
      }),
    )
  })

  test.each(['', 'v0', 'a/b', 'mnist:v1', 'none'])('"%s" is refused', (text) => {
    expect(parseSelector(text).problem).toBeTruthy()
  })

  test('a digest can be asked for', () => {
    expect(parseSelector('v3@sha256:0123456789ab')).toEqual({
      value: { selector: { kind: 'number', sequence: 3 }, digest: '0123456789ab' },
    })
  })
})
