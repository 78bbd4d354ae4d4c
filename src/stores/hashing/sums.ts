import { createHash, hash } from 'node:crypto'
import { crc32 } from 'node:zlib'
import { type Crc, makeCrc32c, makeCrc64nvme } from './crc.ts'

/** The sums that stores know of their objects. */
export type Algorithm = 'md5' | 'sha1' | 'sha256' | 'crc32' | 'crc32c' | 'crc64nvme'

export type Sums = Partial<Record<Algorithm, string>>

/** Sums bytes up as they pass. */
export interface Sum {
  update(chunk: Uint8Array): void
  /** Lower-case hex; the end of it. */
  hex(): string
}

const digest = (algorithm: string): Sum => {
  const all = createHash(algorithm)
  return { update: (chunk) => void all.update(chunk), hex: () => all.digest('hex') }
}

const crcSum = (crc: Crc, digits: number): Sum => {
  let sum = 0n
  return {
    update: (chunk) => {
      sum = crc(chunk, sum)
    },
    hex: () => sum.toString(16).padStart(digits, '0'),
  }
}

/** Makes sums of all kinds; what some of them need to be set up is made once. */
export class Summer {
  #crc32c: Crc | undefined
  #crc64nvme: Crc | undefined

  start(algorithm: Algorithm): Sum {
    if (algorithm === 'crc32c') {
      this.#crc32c ??= makeCrc32c()
      return crcSum(this.#crc32c, 8)
    }
    if (algorithm === 'crc64nvme') {
      this.#crc64nvme ??= makeCrc64nvme()
      return crcSum(this.#crc64nvme, 16)
    }
    if (algorithm === 'crc32') return crcSum((chunk, before) => BigInt(crc32(chunk, Number(before))), 8)
    return digest(algorithm)
  }

  /** The sums of bytes that are all there. */
  of(bytes: Uint8Array, algorithms: Iterable<Algorithm>): Sums {
    const sums: Sums = {}
    for (const algorithm of algorithms) {
      if (algorithm === 'sha256' || algorithm === 'md5' || algorithm === 'sha1') {
        sums[algorithm] = hash(algorithm, bytes, 'hex')
        continue
      }
      const sum = this.start(algorithm)
      sum.update(bytes)
      sums[algorithm] = sum.hex()
    }
    return sums
  }
}
