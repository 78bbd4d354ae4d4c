import { formatQuantity, parseQuantity } from '../api/quantity.ts'

const MiB = 2 ** 20

/**
 * Bytes that a volume must have for so many files: what a file system needs beside them is 5 % for its own tables, and a block for the end
 * of each file and its entry.
 */
export const neededBytes = (content: { files: number; bytes: number }): number =>
  Math.ceil(content.bytes * 1.05) + content.files * 4096 + MiB

/** The same as a quantity. */
export const neededQuantity = (content: { files: number; bytes: number }): string =>
  formatQuantity(neededBytes(content))

/** The larger of two quantities, as it was written. */
export const largerQuantity = (one: string, other: string): string =>
  (parseQuantity(one) ?? 0) >= (parseQuantity(other) ?? 0) ? one : other
