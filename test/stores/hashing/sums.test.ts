import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { type Algorithm, Summer } from '../../../src/stores/hashing/sums.ts'

const summer = new Summer()
const digits = Buffer.from('123456789')

/** Bit by bit, as the definition has it. */
const slowly = (bytes: Uint8Array, polynomial: bigint, ones: bigint, width: number): string => {
  let sum = ones
  for (const byte of bytes) {
    sum ^= BigInt(byte)
    for (let bit = 0; bit < 8; bit++) sum = sum & 1n ? (sum >> 1n) ^ polynomial : sum >> 1n
  }
  return (sum ^ ones).toString(16).padStart(width, '0')
}

describe('sums', () => {
  // The check values of the catalogue of CRCs, and of the digests' own definitions.
  const known: [Algorithm, string, string][] = [
    ['crc32', '00000000', 'cbf43926'],
    ['crc32c', '00000000', 'e3069283'],
    ['crc64nvme', '0000000000000000', 'ae8b14860a799888'],
    ['md5', 'd41d8cd98f00b204e9800998ecf8427e', '25f9e794323b453885f5181f1b624d0b'],
    ['sha1', 'da39a3ee5e6b4b0d3255bfef95601890afd80709', 'f7c3bc1d808e04732adf679965ccc34ca7ae3441'],
    [
      'sha256',
      'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
      '15e2b0d3c33891ebb0f1ef609ec419420c20e320ce94c65fbc8c3312448eb225',
    ],
  ]
  test.each(known)('%s', (algorithm, ofNothing, ofDigits) => {
    expect(summer.of(Buffer.alloc(0), [algorithm])).toEqual({ [algorithm]: ofNothing })
    expect(summer.of(digits, [algorithm])).toEqual({ [algorithm]: ofDigits })
    const sum = summer.start(algorithm)
    sum.update(digits.subarray(0, 4))
    sum.update(digits.subarray(4))
    expect(sum.hex()).toBe(ofDigits)
  })

  test('CRCs of any bytes in any pieces, several at a time', () => {
    const pieces = fc.array(fc.uint8Array({ maxLength: 50 }), { maxLength: 20 })
    fc.assert(
      fc.property(pieces, (all) => {
        const sums = (['crc32', 'crc32c', 'crc64nvme'] as const).map((algorithm) => summer.start(algorithm))
        for (const piece of all) for (const sum of sums) sum.update(piece)
        const whole = Buffer.concat(all)
        expect(sums.map((sum) => sum.hex())).toEqual([
          slowly(whole, 0xedb88320n, 0xffffffffn, 8),
          slowly(whole, 0x82f63b78n, 0xffffffffn, 8),
          slowly(whole, 0x9a6c9329ac4bc9b5n, 0xffffffffffffffffn, 16),
        ])
      }),
    )
  })

  // Below, at and above what is summed up side by side, in shorter and longer stretches, and in one go.
  test.each([8191, 8192, 8193, 70_001, 262_143, 262_144, 600_001])('all of %i bytes, and in two pieces', (length) => {
    const bytes = Buffer.alloc(length, 'granary').map((byte, i) => byte ^ (i * 31) ^ (i >> 8))
    const right = {
      crc32c: slowly(bytes, 0x82f63b78n, 0xffffffffn, 8),
      crc64nvme: slowly(bytes, 0x9a6c9329ac4bc9b5n, 0xffffffffffffffffn, 16),
    }
    expect(summer.of(bytes, ['crc32c', 'crc64nvme'])).toEqual(right)
    const sum = summer.start('crc64nvme')
    sum.update(bytes.subarray(0, 4001))
    sum.update(bytes.subarray(4001))
    expect(sum.hex()).toBe(right.crc64nvme)
  })
})
