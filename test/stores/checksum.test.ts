import { describe, expect, test } from 'vitest'
import { checkerFor } from '../../src/stores/checksum.ts'
import { Summer } from '../../src/stores/hashing/sums.ts'
import { infoOf } from '../../src/stores/s3/info.ts'
import { partSizeFor } from '../../src/stores/s3/upload.ts'

const hello = Buffer.from('hello')
const base64 = (hex: string) => Buffer.from(hex, 'hex').toString('base64')
const sums = {
  md5: '5d41402abc4b2a76b9719d911017c592',
  sha1: 'aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d',
  sha256: '2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824',
  crc32: '3610a686',
  crc32c: '9a71bb4c',
}

describe('checksums of a store', () => {
  for (const [name, sum] of Object.entries(sums)) {
    test(name, () => {
      const good = checkerFor({ [name]: sum }, new Summer())
      good.update(hello.subarray(0, 2))
      good.update(hello.subarray(2))
      expect([good.checks, good.matches()]).toEqual([true, true])
      const bad = checkerFor({ [name]: sum }, new Summer())
      bad.update(Buffer.from('hellp'))
      expect(bad.matches()).toBe(false)
    })
  }
  test('none', () => {
    expect(checkerFor(undefined, new Summer()).checks).toBe(false)
  })
})

describe('what an answer says of an object', () => {
  test('the etag of a single put is its md5', () => {
    expect(infoOf({ ETag: `"${sums.md5}"`, VersionId: 'v' }, 5)).toEqual({
      size: 5,
      etag: sums.md5,
      version: 'v',
      checksums: { md5: sums.md5 },
    })
  })
  test('not of parts, and not with a key of the owner’s', () => {
    expect(infoOf({ ETag: `"${sums.md5}-2"` }, 5).checksums).toBeUndefined()
    expect(infoOf({ ETag: `"${sums.md5}"`, ServerSideEncryption: 'aws:kms' }, 5).checksums).toBeUndefined()
    expect(infoOf({ ETag: `"${sums.md5}"`, SSECustomerAlgorithm: 'AES256' }, 5).checksums).toBeUndefined()
    expect(infoOf({ ETag: `"${sums.md5}"`, ServerSideEncryption: 'AES256' }, 5).checksums).toEqual({ md5: sums.md5 })
  })
  test('sums of the whole, not of sums of parts', () => {
    expect(infoOf({ ChecksumSHA256: base64(sums.sha256) }, 5).checksums).toEqual({ sha256: sums.sha256 })
    expect(infoOf({ ChecksumSHA256: `${base64(sums.sha256)}-3` }, 5).checksums).toBeUndefined()
    expect(infoOf({ ChecksumCRC32: base64(sums.crc32), ChecksumType: 'COMPOSITE' }, 5).checksums).toBeUndefined()
  })
  test('the version of a bucket without versions is none', () => {
    expect(infoOf({ VersionId: 'null' }, 5)).toEqual({ size: 5 })
  })
})

test('parts: 8 MiB, and never more than S3 takes', () => {
  const MiB = 1024 * 1024
  expect(partSizeFor(9 * MiB)).toBe(8 * MiB)
  for (const size of [100 * 1024 * MiB, 5 * 1024 * 1024 * MiB]) {
    expect(Math.ceil(size / partSizeFor(size))).toBeLessThanOrEqual(10_000)
    expect(partSizeFor(size) % MiB).toBe(0)
  }
})
