import * as z from 'zod'
import { compareUtf8 } from '../lib/utf8.ts'
import { maxShardLines } from './cut.ts'
import { sha256Hex } from './digest.ts'
import { ManifestError } from './error.ts'
import type { Root } from './types.ts'

const count = z.int().min(0)
const digest = z.string().regex(/^[0-9a-f]{64}$/)

const RootSchema = z.strictObject({
  layout: z.literal(1),
  encoding: z.literal('gzip'),
  shards: z.array(
    z.strictObject({
      first: z.string(),
      last: z.string(),
      n: z.int().min(1).max(maxShardLines),
      bytes: count,
      sha256: digest,
    }),
  ),
  files: count,
  bytes: count,
  digest,
})

/** The bytes of roots/<sha256>.json: one line of JSON with the keys in this order, and a line feed. */
export const rootBytes = (root: Root): Buffer => {
  const shards = root.shards.map(({ first, last, n, bytes, sha256 }) => ({ first, last, n, bytes, sha256 }))
  const { layout, encoding, files, bytes, digest } = root
  return Buffer.from(`${JSON.stringify({ layout, encoding, shards, files, bytes, digest })}\n`)
}

/** Refuses a document of another layout with a sentence of its own: it was written by a newer program. */
export const checkLayout = (value: unknown, what: string): void => {
  const layout = typeof value === 'object' && value !== null ? (value as { layout?: unknown }).layout : undefined
  if (typeof layout !== 'number') throw new ManifestError(`${what} has no layout`)
  if (layout !== 1)
    throw new ManifestError(`${what} has layout ${layout}, this program knows layout 1: use a newer Granary`)
}

/** JSON of a document, or a ManifestError that names it. */
export const parseJson = (bytes: Uint8Array, what: string): unknown => {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes))
  } catch {
    throw new ManifestError(`${what} is no JSON`)
  }
}

const checkShards = (root: Root): void => {
  let last: string | undefined
  let [files, bytes] = [0, 0]
  for (const shard of root.shards) {
    const ordered =
      compareUtf8(shard.first, shard.last) <= 0 && (last === undefined || compareUtf8(last, shard.first) < 0)
    if (!ordered) throw new ManifestError('the shards of a root are not in order', shard.first)
    last = shard.last
    files += shard.n
    bytes += shard.bytes
  }
  if (files !== root.files || bytes !== root.bytes)
    throw new ManifestError('the totals of a root are not those of its shards')
}

/** Reads a root, strictly, and checks that its bytes have the sha256 under which they were asked for. */
export const parseRoot = (bytes: Uint8Array, sha256: string): Root => {
  if (sha256Hex(bytes) !== sha256) throw new ManifestError(`root ${sha256} has other bytes than its name says`)
  const value = parseJson(bytes, `root ${sha256}`)
  checkLayout(value, `root ${sha256}`)
  const parsed = RootSchema.safeParse(value)
  if (!parsed.success) throw new ManifestError(`root ${sha256} is not valid: ${z.prettifyError(parsed.error)}`)
  checkShards(parsed.data)
  return parsed.data
}
