import { hash } from 'node:crypto'

/** A shard never has more lines. */
export const maxShardLines = 65_536
const modulus = 16_384

/** Whether a shard ends behind this path. It depends on nothing but the path, so that an unchanged stretch makes the same shards in every version. */
export const cutsAfter = (path: string): boolean => hash('sha256', path, 'buffer').readUInt32BE(0) % modulus === 0
