import type { Operation } from './move.ts'

/** What a mover ends with (move.ts has what it begins with). */
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

/** The longest MoveResult, in bytes of JSON: the kubelet cuts termination messages at 4,096. */
export const maxResultBytes = 3500

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
      op: 'Show'
      outcome: 'Done'
      /** What there is; the first 40,000 are in the log, one by one as `shown`. */
      lines: number
      /** Of Changes. */
      summary?: {
        added: number
        removed: number
        changed: number
        bytes: number
        /** Parts of the manifests that were read, of all that they have. */
        shards: { read: number; all: number }
      }
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
  | 'StoreFull'
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
  StoreFull: exitCodes.noSpace,
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
