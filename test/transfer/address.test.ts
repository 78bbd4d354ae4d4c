import { describe, expect, test } from 'vitest'
import { parseAddress } from '../../src/transfer/address.ts'

describe('addresses', () => {
  test.each([
    ['s3://bucket/prefix/', { kind: 's3', bucket: 'bucket', prefix: 'prefix/' }],
    ['s3://bucket/prefix', { kind: 's3', bucket: 'bucket', prefix: 'prefix/' }],
    ['s3://bucket', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['s3://bucket/', { kind: 's3', bucket: 'bucket', prefix: '' }],
    ['gs://my.bucket/a b/é', { kind: 'gs', bucket: 'my.bucket', prefix: 'a b/é/' }],
    ['data', { kind: 'dir', path: '/home/me/data' }],
    ['./s3:/x/', { kind: 'dir', path: '/home/me/s3:/x' }],
    ['/data/', { kind: 'dir', path: '/data' }],
  ])('%s', (text, expected) => {
    expect(parseAddress(text, '/home/me')).toEqual(expected)
  })

  test.each([
    ['s3://', 'names no bucket'],
    ['s3:///prefix', 'names no bucket'],
    ['gs://a b/c', 'names no bucket'],
    ['http://host/x', 'is no place that is known'],
    ['S3://bucket/x', 'is no place that is known'],
    ['', 'an empty address'],
  ])('%s is refused', (text, sentence) => {
    expect(() => parseAddress(text, '/')).toThrow(sentence)
  })
})
