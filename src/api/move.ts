import * as z from 'zod'

/**
 * The contract between operator and mover (protocols.md 0). The operator writes one MoveSpec into `GRANARY_MOVE_SPEC`; the mover answers with an
 * exit code and a MoveResult (move-result.ts) as termination message. References only, no secret.
 */

/** The longest MoveSpec, in bytes of JSON. */
export const maxSpecBytes = 64 * 1024
/** Where things are in a mover's container. */
export const moverPaths = {
  data: '/data',
  base: '/base',
  store: '/store',
  sources: '/sources',
  credentials: '/credentials',
  ca: '/ca',
} as const

/** Where what a location needs in the pod is mounted: the directory itself, the keys of a ConfigMap, or the file `document`. */
export const mountOf = (name: string): string => (name === 'store' ? moverPaths.store : `${moverPaths.sources}/${name}`)

export const MoveLocation = z.object({
  /** Credentials lie in /credentials/<name>/, an own CA in /ca/<name>/ca.crt. */
  name: z.string(),
  s3: z
    .object({
      bucket: z.string(),
      region: z.string().optional(),
      endpoint: z.string().optional(),
      forcePathStyle: z.boolean().optional(),
    })
    .optional(),
  gcs: z.object({ bucket: z.string(), endpoint: z.string().optional() }).optional(),
  /** A volume, mounted; `prefix` is a directory of it. */
  directory: z
    .object({
      kind: z.enum(['claim', 'nfs', 'hostPath']),
      /** For messages. */
      label: z.string(),
      /** Pods write to it meanwhile, and may: it is read twice. */
      live: z.boolean().optional(),
    })
    .optional(),
  /** The keys of a ConfigMap, mounted. */
  configMap: z.object({ name: z.string() }).optional(),
  /** What the spec of the Dataset says of the files, in an annotation of the pod: it is too long for an environment variable. inline: as `packTexts` has it; http: JSON, `{http: [{url, path, sha256}]}`. */
  document: z.enum(['inline', 'http']).optional(),
  /** Empty, or ends in a slash. */
  prefix: z.string(),
  /** Files: keys of the Secret as files; Ambient: the pod's own identity; Anonymous: none. */
  credentials: z.enum(['Files', 'Ambient', 'Anonymous']),
  customCA: z.boolean().optional(),
})
export type MoveLocation = z.output<typeof MoveLocation>

/** A Dataset's directory in the store: `prefix` is the whole `<prefix><namespace>/<name>/`. */
const StoredDataset = z.object({
  namespace: z.string(),
  name: z.string(),
  uid: z.string(),
  /** spec.adopt: take the directory over from another uid. */
  adopt: z.boolean().optional(),
})
export type StoredDataset = z.output<typeof StoredDataset>

/** What a version says of itself, fixed when it opens, so that a retry writes the same record. */
export const Intent = z.object({
  sequence: z.int(),
  createdAt: z.string(),
  parent: z.int().optional(),
  message: z.string().optional(),
  tags: z.array(z.string()).optional(),
  producer: z.record(z.string(), z.string()).optional(),
  inputs: z.array(z.object({ ref: z.string(), version: z.string(), digest: z.string() })).optional(),
})
export type Intent = z.output<typeof Intent>

/** A committed version as a mover needs it. */
const Committed = z.object({ sequence: z.int(), root: z.string(), digest: z.string() })

const filters = {
  include: z.array(z.string()).optional(),
  exclude: z.array(z.string()).optional(),
  allowEmpty: z.boolean().optional(),
}

export const MoveSpec = z.union([
  z.object({
    op: z.literal('Import'),
    dataset: StoredDataset,
    store: MoveLocation,
    source: MoveLocation,
    ...filters,
    mode: z.enum(['Auto', 'Reference', 'Copy']),
    intent: Intent,
    /** The latest version: the same content digest makes no new one; equal files are not stored twice. */
    parent: Committed.optional(),
  }),
  z.object({
    op: z.literal('Scan'),
    items: z.array(
      z.object({
        dataset: StoredDataset,
        source: MoveLocation,
        ...filters,
        /** What the last look found: if it is still so, the answer takes few bytes. */
        fingerprint: z.string().optional(),
      }),
    ),
    /** Every item takes the time that it needs, instead of being put off after a while so that the others get their answer. */
    patient: z.boolean().optional(),
  }),
  z.object({ op: z.literal('Probe'), locations: z.array(MoveLocation) }),
  z.object({
    op: z.literal('Populate'),
    store: MoveLocation,
    /** Where `u` lines point; absent for versions without. */
    source: MoveLocation.optional(),
    version: Committed,
    /** ReadOnly: files 0444/0555, directories 0555. Working: 0666/0777. */
    modes: z.enum(['ReadOnly', 'Working']),
    /** Whole bytes that the volume was made for, to say `no space` before a byte moves. */
    capacity: z.int().optional(),
  }),
  z.object({
    op: z.literal('Finalize'),
    dataset: StoredDataset,
    store: MoveLocation,
    intent: Intent,
    base: Committed.optional(),
    allowEmpty: z.boolean().optional(),
    /** Commit what the last checkpoint saved: no volume is mounted. */
    checkpoint: z.boolean().optional(),
  }),
  z.object({
    op: z.literal('Checkpoint'),
    dataset: StoredDataset,
    store: MoveLocation,
    sequence: z.int(),
    /** RFC 3339, when the version opened. */
    openedAt: z.string(),
    base: Committed.optional(),
  }),
  z.object({
    op: z.literal('Materialize'),
    dataset: StoredDataset,
    store: MoveLocation,
    /** Where `u` lines point; absent for versions without. */
    source: MoveLocation.optional(),
    /** Whose content it is. */
    version: Committed,
    intent: Intent,
  }),
  z.object({
    op: z.literal('Mirror'),
    store: MoveLocation,
    source: MoveLocation.optional(),
    version: Committed,
    destination: MoveLocation,
    prune: z.boolean(),
    onConflict: z.enum(['Fail', 'Overwrite']),
    /** What was mirrored last: an object that still is what this version says may be replaced. */
    previous: Committed.optional(),
    /** The destination is where the Dataset's source is. */
    ownSource: z
      .object({
        include: filters.include,
        exclude: filters.exclude,
        /** The newest version that was imported from there: an object that still is what this version says may be replaced. */
        imported: Committed.optional(),
        /** That version points at the objects. */
        referred: z.boolean(),
      })
      .optional(),
  }),
  z.object({
    op: z.literal('Verify'),
    store: MoveLocation,
    /** Where `u` lines point; absent for versions without. */
    source: MoveLocation.optional(),
    version: Committed,
    /** Store: the objects that the manifest names. Volume: what is mounted at /data, read-only. */
    what: z.enum(['Store', 'Volume']),
    /** Fast: names and sizes, from listings. Full: every byte. */
    depth: z.enum(['Fast', 'Full']),
    /** Full, of the files alone whose path falls into the n-th of t equal parts; n from 1. */
    part: z.object({ n: z.int().min(1), of: z.int().min(1) }).optional(),
  }),
  z.object({
    op: z.literal('Show'),
    store: MoveLocation,
    version: Committed,
    /** Files: those at `path` and below. Changes: what `to` has that `version` has not, and the other way round. Record: the commit record. */
    what: z.enum(['Files', 'Changes', 'Record']),
    path: z.string().optional(),
    to: Committed.optional(),
    /** Where `to` is; absent: in the same place. */
    other: MoveLocation.optional(),
  }),
  z.object({
    op: z.literal('Sweep'),
    dataset: StoredDataset,
    store: MoveLocation,
    /** RFC 3339, by the operator's clock: graces are over by it, and tombstones dated. */
    now: z.string(),
    /** Committed versions that are to go, and until when they can be restored. */
    tombstones: z.array(z.object({ sequence: z.int(), until: z.string() })),
    /** Numbers whose tombstones are to go. */
    restore: z.array(z.int()),
    /** Numbers that are being written, or may be: nothing of theirs is touched. */
    open: z.array(z.int()),
    /** Nor of this number and the higher ones. */
    next: z.int(),
    /** Where tags point, all of them. Absent: the mirror in the store stays as it is. */
    tags: z
      .array(z.object({ name: z.string(), sequence: z.int(), digest: z.string(), movedAt: z.string() }))
      .optional(),
    /** No mover writes for this Dataset: manifests that nothing refers to may go too. */
    quiet: z.boolean(),
    /** Look for what nothing refers to though no version goes. */
    all: z.boolean(),
    /** Milliseconds that leftovers of versions which never committed stay, and manifests that nothing refers to. */
    settle: z.int(),
    /** Objects that may be removed in this run. */
    limit: z.int(),
    /** Say what would go, and change nothing. */
    dryRun: z.boolean().optional(),
    /** The Dataset goes with all of its bytes. */
    everything: z.boolean().optional(),
  }),
  z.object({
    op: z.literal('Adopt'),
    dataset: StoredDataset,
    store: MoveLocation,
    /** Only versions below this number; newest first. Absent: from the newest. */
    before: z.int().optional(),
  }),
])
export type MoveSpec = z.output<typeof MoveSpec>
export type Operation = MoveSpec['op']
