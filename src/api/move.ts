import { z } from 'zod'

/**
 * The contract between operator and mover (protocols.md 0). The operator writes one MoveSpec into `GRANARY_MOVE_SPEC`; the mover answers with an
 * exit code and a MoveResult as termination message. References only, no secret.
 */
export const exitCodes = {
  done: 0,
  invalid: 10,
  drifted: 11,
  noSpace: 12,
  credentials: 13,
  corrupt: 14,
  conflict: 15,
  writersActive: 16,
  unreadable: 17,
  transient: 20,
} as const

/** The longest MoveSpec, in bytes of JSON. */
export const maxSpecBytes = 64 * 1024
/** The longest MoveResult, in bytes of JSON: the kubelet cuts termination messages at 4,096. */
export const maxResultBytes = 3500

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
  /** What the spec of the Dataset says of the files, as a SourceDocument in an annotation of the pod: it is too long for an environment variable. */
  document: z.enum(['inline', 'http']).optional(),
  /** Empty, or ends in a slash. */
  prefix: z.string(),
  /** Files: keys of the Secret as files; Ambient: the pod's own identity; Anonymous: none. */
  credentials: z.enum(['Files', 'Ambient', 'Anonymous']),
  customCA: z.boolean().optional(),
})
export type MoveLocation = z.output<typeof MoveLocation>

/** What is mounted for `document`. inline: path to text. */
export const SourceDocument = z.union([
  z.object({ inline: z.record(z.string(), z.string()) }),
  z.object({ http: z.array(z.object({ url: z.string(), path: z.string(), sha256: z.string() })) }),
])
export type SourceDocument = z.output<typeof SourceDocument>

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

/**
 * What a Scan says of one source, short because many must fit in one result. `fingerprint` is of what the filters let through; true: it is the one of the spec.
 * `as`: the same failure as the item of that place. A failure without a message: there was no room for one. null: no answer this time, ask again; `slow`: it takes
 * long, ask apart from the others.
 */
export type Looked =
  | { objects: number; bytes: number; fingerprint: string }
  | true
  | { reason: MoveFailureReason; message?: string }
  | { as: number }
  | { slow: true }
  | null

/** A committed version as its record in the store tells it. */
export interface StoredVersion {
  n: number
  digest: string
  root: string
  files: number
  bytes: number
  at: string
  parent?: number
  message?: string
  /** Tags that point at it. */
  tags?: string[]
  import?: 'Reference' | 'Copy'
}

/** Done, exit code 0: what the operation found. */
export type MoveDone =
  | {
      op: 'Import'
      outcome: 'Committed' | 'Unchanged'
      sequence?: number
      digest: string
      root: string
      files: number
      bytes: number
      mode: 'Reference' | 'Copy'
      modeReason: string
      /** Of the listing that was imported, to compare with a later Scan's. */
      fingerprint: string
      /** Keys that were skipped (the prefix itself, directory markers), and names that differ only by case or normalization. */
      skipped: number
      warnings?: string[]
    }
  | {
      op: 'Scan'
      outcome: 'Done'
      /** In the order of the spec. */
      items: Looked[]
    }
  | {
      op: 'Probe'
      outcome: 'Done'
      locations: (
        | {
            putIfAbsent: boolean
            getIfMatch: boolean
            multipartIfAbsent: boolean
            versioning: boolean
            checksums: boolean
          }
        | { reason: MoveFailureReason; message: string }
      )[]
    }
  | { op: 'Populate'; outcome: 'Done'; files: number; bytes: number }
  | {
      op: 'Finalize'
      outcome: 'Committed'
      sequence: number
      digest: string
      root: string
      files: number
      bytes: number
      /** bytes that had to be uploaded */
      uploaded: number
      warnings?: string[]
    }
  | {
      op: 'Checkpoint'
      outcome: 'Done'
      /** What is saved now. */
      files: number
      bytes: number
      /** bytes that had to be uploaded */
      uploaded: number
      /** Files that were being written, or can't be in a version: left for the next time. */
      left: number
      /** The first five of them, each cut to 200 bytes. */
      names?: string[]
    }
  | {
      op: 'Mirror'
      outcome: 'Done'
      files: number
      bytes: number
      written: number
      removed: number
      /** Of the Dataset's own source: what a Scan finds there as long as nobody else writes. */
      fingerprint?: string
      warnings?: string[]
    }
  | {
      op: 'Materialize'
      outcome: 'Committed'
      sequence: number
      digest: string
      root: string
      files: number
      bytes: number
    }
  | {
      op: 'Verify'
      /** Bad: something is not what the manifest says. */
      outcome: 'Sound' | 'Bad'
      /** Files and bytes that were looked at. */
      files: number
      bytes: number
      bad: number
      /** The first five, paths cut to 200 bytes; the log has more. */
      names?: { path: string; problem: string }[]
    }
  | {
      op: 'Sweep'
      outcome: 'Done'
      /** Tombstones that were written. */
      tombstoned: number
      /** Versions that are back. */
      restored: StoredVersion[]
      /** Numbers that can't be restored: their grace was over. */
      gone: number[]
      /** Numbers of which nothing is left but what other versions refer to; at most 100. */
      purged: number[]
      /** What was removed, or with `dryRun` what would be. */
      objects: number
      bytes: number
      /** Something is left to do that was not done because of `limit`: run again. */
      more: boolean
      /** Tombstones in the store after this run, the highest numbers first, at most 40. */
      tombstones: { n: number; until: string }[]
    }
  | {
      op: 'Adopt'
      outcome: 'Done'
      /** Newest first, at most 10 in a result; none that has a tombstone. */
      versions: StoredVersion[]
      /** There are older ones: ask again with `before` = the last n. */
      more: boolean
      /** The highest number that anything in the store has; of the first page. */
      highest?: number
    }

/** Reasons of src/api/conditions.ts that a mover can end with. */
export type MoveFailureReason =
  | 'InvalidSpec'
  | 'InvalidKeys'
  | 'SourceNotFound'
  | 'SourceEmpty'
  | 'EmptyOutput'
  | 'SourceDrifted'
  | 'InsufficientSpace'
  | 'CredentialsMissing'
  | 'CredentialsDenied'
  | 'Corrupt'
  | 'CommitConflict'
  | 'BaseGone'
  | 'AdoptionRequired'
  | 'DestinationChanged'
  | 'WriteBackWouldOverwrite'
  | 'WritersActive'
  | 'UnreadableFiles'
  | 'Unreachable'

export interface MoveFailed {
  op: Operation | 'Unknown'
  outcome: 'Failed'
  reason: MoveFailureReason
  /** A sentence for the user: what is wrong, what to do. */
  message: string
  /** The first five files or keys concerned, each cut to 200 bytes. */
  names?: string[]
}

export type MoveResult = MoveDone | MoveFailed

/** One JSON line on the mover's stdout every few seconds, only when something moved. */
export interface MoveProgress {
  progress: { filesDone: number; filesTotal?: number; bytesDone: number; bytesTotal?: number; bytesPerSecond: number }
}

/** Which exit code a failure has. */
export const exitCodeOf: Record<MoveFailureReason, number> = {
  InvalidSpec: exitCodes.invalid,
  InvalidKeys: exitCodes.invalid,
  SourceNotFound: exitCodes.invalid,
  SourceEmpty: exitCodes.invalid,
  EmptyOutput: exitCodes.invalid,
  SourceDrifted: exitCodes.drifted,
  InsufficientSpace: exitCodes.noSpace,
  CredentialsMissing: exitCodes.credentials,
  CredentialsDenied: exitCodes.credentials,
  Corrupt: exitCodes.corrupt,
  CommitConflict: exitCodes.conflict,
  BaseGone: exitCodes.conflict,
  AdoptionRequired: exitCodes.conflict,
  DestinationChanged: exitCodes.conflict,
  WriteBackWouldOverwrite: exitCodes.conflict,
  WritersActive: exitCodes.writersActive,
  UnreadableFiles: exitCodes.unreadable,
  Unreachable: exitCodes.transient,
}
