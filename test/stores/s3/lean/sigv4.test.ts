import { expect, test } from 'vitest'
import { emptyPayload, encode, Signer, timestamp } from '../../../../src/stores/s3/lean/sigv4.ts'

/** The examples of the service's documentation. */
const keys = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY' }
const time = '20130524T000000Z'
const host: [string, string] = ['host', 'examplebucket.s3.amazonaws.com']
const date: [string, string] = ['x-amz-date', time]
const scope = 'AKIAIOSFODNN7EXAMPLE/20130524/us-east-1/s3/aws4_request'
const nothing: [string, string] = ['x-amz-content-sha256', emptyPayload]

test.each([
  [
    'a ranged get',
    { method: 'GET', path: '/test.txt', query: '', headers: [host, ['range', 'bytes=0-9'], nothing, date] },
    'host;range;x-amz-content-sha256;x-amz-date',
    'f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41',
  ],
  [
    'a query with a flag',
    { method: 'GET', path: '/', query: 'lifecycle=', headers: [host, nothing, date] },
    'host;x-amz-content-sha256;x-amz-date',
    'fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543',
  ],
  [
    'a listing',
    { method: 'GET', path: '/', query: 'max-keys=2&prefix=J', headers: [host, nothing, date] },
    'host;x-amz-content-sha256;x-amz-date',
    '34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7',
  ],
] as const)('signs %s as the documentation does', (_what, request, names, signature) => {
  const unsigned = { ...request, headers: [...request.headers] as [string, string][], payload: emptyPayload }
  const expected = `AWS4-HMAC-SHA256 Credential=${scope}, SignedHeaders=${names}, Signature=${signature}`
  const signer = new Signer('us-east-1', 's3')
  expect(signer.authorization(unsigned, keys, time)).toBe(expected)
  expect(signer.authorization(unsigned, keys, time)).toBe(expected)
})

test('signs a put with its body’s digest', () => {
  const payload = '44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072'
  const headers: [string, string][] = [
    ['date', 'Fri, 24 May 2013 00:00:00 GMT'],
    host,
    ['x-amz-content-sha256', payload],
    date,
    ['x-amz-storage-class', 'REDUCED_REDUNDANCY'],
  ]
  const request = { method: 'PUT', path: '/test%24file.text', query: '', headers, payload }
  const signed = new Signer('us-east-1', 's3').authorization(request, keys, time)
  expect(signed).toContain('Signature=98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd')
})

test('another day and other keys give another signature', () => {
  const signer = new Signer('us-east-1', 's3')
  const request = { method: 'GET', path: '/', query: '', headers: [host], payload: emptyPayload }
  const signatures = [
    signer.authorization(request, keys, '20130524T000000Z'),
    signer.authorization(request, keys, '20130525T000000Z'),
    signer.authorization(request, { ...keys, secretAccessKey: 'other' }, '20130525T000000Z'),
    signer.authorization(request, keys, '20130524T000000Z'),
  ].map((value) => value.split('Signature=')[1])
  expect(new Set(signatures).size).toBe(3)
  expect(signatures[3]).toBe(signatures[0])
})

test('encodes as the signature wants it', () => {
  expect(encode("a b/ü'()*!~-_.+")).toBe('a%20b%2F%C3%BC%27%28%29%2A%21~-_.%2B')
  expect(timestamp(Date.UTC(2013, 4, 24))).toBe(time)
})
