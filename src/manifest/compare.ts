import { compareUtf8 } from '../lib/utf8.ts'

/** The order of paths in a manifest: that of their UTF-8 bytes. Negative, zero or positive. */
export const comparePaths: (a: string, b: string) => number = compareUtf8
