import * as z from 'zod'
import { document, parseDocument } from './records.ts'

const sequence = z.int().min(1)
const layout = z.literal(1)

const TombstoneSchema = z.strictObject({
  layout,
  sequence,
  reason: z.enum(['Deleted', 'Abandoned', 'Swept']),
  at: z.string(),
  until: z.string(),
})

/** tombstones/v<N>.json: the version is going. Its bytes stay until the grace is over. */
export interface Tombstone {
  layout: 1
  sequence: number
  /** Abandoned: the number never committed. Swept: it is gone, but other versions refer to files in its directory. A commit of the number is refused by any. */
  reason: 'Deleted' | 'Abandoned' | 'Swept'
  /** RFC 3339 */
  at: string
  /** RFC 3339; it can be restored until then. */
  until: string
}

export const tombstoneBytes = ({ sequence, reason, at, until }: Tombstone): Buffer =>
  document({ layout: 1, sequence, reason, at, until })

/** Reads a tombstone, strictly; `what` names it in errors. */
export const parseTombstone = (bytes: Uint8Array, what: string): Tombstone =>
  parseDocument(TombstoneSchema, bytes, what)

const TagSchema = z.strictObject({
  layout,
  name: z.string(),
  sequence,
  digest: z.string().regex(/^[0-9a-f]{64}$/),
  movedAt: z.string(),
})

/** tags/<tag>.json: where a tag points, as a copy of what the cluster says. */
export interface TagRecord {
  layout: 1
  name: string
  sequence: number
  digest: string
  /** RFC 3339 */
  movedAt: string
}

export const tagBytes = ({ name, sequence, digest, movedAt }: TagRecord): Buffer =>
  document({ layout: 1, name, sequence, digest, movedAt })

/** Reads a tag, strictly; `what` names it in errors. */
export const parseTag = (bytes: Uint8Array, what: string): TagRecord => parseDocument(TagSchema, bytes, what)
