import * as z from 'zod'
import { compareUtf8 } from '../lib/utf8.ts'
import { ManifestError } from './error.ts'
import { checkLayout, parseJson } from './root.ts'
import type { CommitRecord } from './types.ts'

const digest = z.string().regex(/^[0-9a-f]{64}$/)
const sequence = z.int().min(1)

const CommitSchema = z.strictObject({
  layout: z.literal(1),
  dataset: z.strictObject({ namespace: z.string(), name: z.string(), uid: z.string() }),
  sequence,
  root: digest,
  digest,
  files: z.int().min(0),
  bytes: z.int().min(0),
  parent: sequence.optional(),
  createdAt: z.string(),
  message: z.string().optional(),
  tags: z.array(z.string()).optional(),
  producer: z.record(z.string(), z.string()).optional(),
  inputs: z.array(z.strictObject({ ref: z.string(), version: z.string(), digest: z.string() })).optional(),
  import: z.enum(['Reference', 'Copy']).optional(),
})

/** LAYOUT.json: whose directory this is. */
export interface LayoutRecord {
  layout: 1
  dataset: { namespace: string; name: string }
  uid: string
  /** RFC 3339 */
  created: string
}

const LayoutSchema = z.strictObject({
  layout: z.literal(1),
  dataset: z.strictObject({ namespace: z.string(), name: z.string() }),
  uid: z.string(),
  created: z.string(),
})

/** The bytes of a small document: one line of JSON. */
export const document = (value: object): Buffer => Buffer.from(`${JSON.stringify(value)}\n`)

const sorted = (record: Record<string, string>) =>
  Object.fromEntries(Object.entries(record).sort(([a], [b]) => compareUtf8(a, b)))

/** The bytes of versions/v<N>.json: the keys in this order whatever order they came in, so that a retry writes the same bytes. */
export const commitBytes = (record: CommitRecord): Buffer => {
  const { namespace, name, uid } = record.dataset
  return document({
    layout: record.layout,
    dataset: { namespace, name, uid },
    sequence: record.sequence,
    root: record.root,
    digest: record.digest,
    files: record.files,
    bytes: record.bytes,
    parent: record.parent,
    createdAt: record.createdAt,
    message: record.message,
    tags: record.tags,
    producer: record.producer && sorted(record.producer),
    inputs: record.inputs?.map(({ ref, version, digest }) => ({ ref, version, digest })),
    import: record.import,
  })
}

/** Reads a small document of layout 1, strictly; `what` names it in errors. */
export const parseDocument = <T>(schema: z.ZodType<T>, bytes: Uint8Array, what: string): T => {
  const value = parseJson(bytes, what)
  checkLayout(value, what)
  const parsed = schema.safeParse(value)
  if (!parsed.success) throw new ManifestError(`${what} is not valid: ${z.prettifyError(parsed.error)}`)
  return parsed.data
}

/** Reads a commit record, strictly; `what` names it in errors. */
export const parseCommit = (bytes: Uint8Array, what: string): CommitRecord =>
  parseDocument(CommitSchema, bytes, what) as CommitRecord

/** The bytes of LAYOUT.json. */
export const layoutBytes = ({ dataset, uid, created }: LayoutRecord): Buffer =>
  document({ layout: 1, dataset: { namespace: dataset.namespace, name: dataset.name }, uid, created })

/** Reads LAYOUT.json, strictly. */
export const parseLayout = (bytes: Uint8Array): LayoutRecord => parseDocument(LayoutSchema, bytes, 'LAYOUT.json')
