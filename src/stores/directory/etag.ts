import type { BigIntStats } from 'node:fs'

/** Every put makes a new file, so inode, time and size tell one state from the next without reading it. */
export const etagOf = ({ ino, mtimeNs, size }: Pick<BigIntStats, 'ino' | 'mtimeNs' | 'size'>): string =>
  [ino, mtimeNs, size].map((part) => part.toString(16)).join('-')
