import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { scanListing } from '../../src/stores/s3/scan-listing.ts'

const head =
  '<?xml version="1.0" encoding="UTF-8"?>\n<ListBucketResult xmlns="http://s3.amazonaws.com/doc/2006-03-01/">'
const page = (inner: string) => `${head}<Name>bucket</Name><Prefix>p/</Prefix>${inner}</ListBucketResult>`
const end = '<IsTruncated>false</IsTruncated>'

describe('answers as servers write them', () => {
  test('with the rest before the objects, and keys as they are (versitygw)', () => {
    const text = page(
      `<NextContinuationToken>p/a&amp;b</NextContinuationToken><KeyCount>2</KeyCount><IsTruncated>true</IsTruncated>` +
        `<Contents><LastModified>2026-11-21T19:04:38Z</LastModified><ChecksumAlgorithm>CRC64NVME</ChecksumAlgorithm><ETag>&#34;0f34&#34;</ETag><Key>p/a b+c%20&lt;é</Key><Size>1024</Size></Contents>` +
        `<Contents><ETag>&quot;1f50-2&quot;</ETag><Key>p/a&amp;b</Key><Size>0</Size></Contents><EncodingType></EncodingType>`,
    )
    expect(scanListing(text)).toEqual({
      objects: [
        { key: 'p/a b+c%20<é', size: 1024, etag: '0f34', modified: Date.UTC(2026, 10, 21, 19, 4, 38) },
        { key: 'p/a&b', size: 0, etag: '1f50-2' },
      ],
      truncated: true,
      token: 'p/a&b',
    })
  })

  test('url-encoded, with owners, and the rest before and behind (AWS, MinIO)', () => {
    const text = page(
      `<EncodingType>url</EncodingType>${end}` +
        `<Contents>\n  <Key>p/a+b%2Bc/%C3%A9%01</Key>\n  <LastModified>2026-01-01T00:00:00.000Z</LastModified><ETag>&quot;e&quot;</ETag><Size>7</Size><Owner><ID>id</ID><DisplayName>me</DisplayName></Owner><StorageClass>STANDARD</StorageClass></Contents>\n`,
    )
    expect(scanListing(`${text}\n`)).toEqual({
      objects: [{ key: 'p/a b+c/é\u0001', size: 7, etag: 'e', modified: Date.UTC(2026, 0, 1) }],
      truncated: false,
      token: undefined,
    })
  })

  test('without objects', () => {
    expect(scanListing(page(end))).toEqual({ objects: [], truncated: false, token: undefined })
  })
})

const object = '<Contents><Key>p/a</Key><Size>1</Size></Contents>'

test.each([
  ['cut off', page(end).slice(0, -5)],
  ['cut off within an object', `${head}${end}${object.slice(0, 20)}`],
  ['another document', '<?xml version="1.0"?><Error><Code>SlowDown</Code></Error>'],
  ['without a word on whether there is more', page(object)],
  ['more, but without a token', page(`<IsTruncated>true</IsTruncated>${object}`)],
  ['an object without a size', page(`${end}<Contents><Key>p/a</Key></Contents>`)],
  ['an object with a size that is none', page(`${end}${object.replace('>1<', '>-1<')}`)],
  ['attributes', page(`${end}${object.replace('<Contents>', '<Contents a="b">')}`)],
  ['an empty object', page(`${end}<Contents/>${object}`)],
  ['CDATA', page(`${end}${object.replace('p/a', '<![CDATA[p/a]]>')}`)],
  ['a comment', page(`${end}<!-- ${object} -->${object}`)],
  ['directories', page(`${end}${object}<CommonPrefixes><Prefix>p/b/</Prefix></CommonPrefixes>`)],
  ['something between the objects', page(`${end}${object}<Other/>${object}`)],
])('%s is left to a real parser', (_, text) => {
  expect(scanListing(text)).toBeUndefined()
})

test('any keys come back', () => {
  const escaped = (text: string) => text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;')
  const key = fc.string({ unit: 'grapheme', minLength: 1 })
  const property = fc.property(fc.array(key), fc.boolean(), (keys, encoded) => {
    const written = (text: string) => escaped(encoded ? encodeURIComponent(text) : text)
    const objects = keys.map((each, i) => `<Contents><Key>${written(each)}</Key><Size>${i}</Size></Contents>`)
    const encoding = encoded ? '<EncodingType>url</EncodingType>' : ''
    expect(scanListing(page(`${end}${encoding}${objects.join('')}`))?.objects).toEqual(
      keys.map((each, size) => ({ key: each, size })),
    )
  })
  fc.assert(property)
})
