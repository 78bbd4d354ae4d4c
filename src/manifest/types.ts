/** One line of a manifest (protocols.md 2): keys in the order p s h x l o u. Paths are relative, `/` between segments. */
export interface Entry {
  /** path */
  p: string
  /** size in bytes; absent for symlinks */
  s?: number
  /** sha256, lower-case hex; absent for symlinks */
  h?: string
  /** executable */
  x?: 1
  /** symlink target: relative, inside the tree; instead of s and h */
  l?: string
  /** number of the version whose data/ holds the bytes; absent: the version that the manifest was written for */
  o?: number
  /** external object: bucket, key, and version id (v) or etag (e) */
  u?: { b: string; k: string; v?: string; e?: string }
}

export interface Shard {
  /** first and last path */
  first: string
  last: string
  /** lines */
  n: number
  /** bytes of content that the lines name (sum of s) */
  bytes: number
  /** sha256 of the uncompressed bytes of the shard */
  sha256: string
}

/** roots/<sha256>.json */
export interface Root {
  layout: 1
  encoding: 'gzip'
  shards: Shard[]
  files: number
  bytes: number
  /** content digest: the canonical form with p, s, h, x, l only */
  digest: string
}

/** versions/v<N>.json: the commit record. Everything in it comes from the intent, so a retry writes the same bytes. */
export interface CommitRecord {
  layout: 1
  dataset: { namespace: string; name: string; uid: string }
  sequence: number
  /** sha256 of the root's bytes: roots/<root>.json */
  root: string
  digest: string
  files: number
  bytes: number
  parent?: number
  /** RFC 3339; when the version opened */
  createdAt: string
  message?: string
  tags?: string[]
  producer?: Record<string, string>
  inputs?: { ref: string; version: string; digest: string }[]
  import?: 'Reference' | 'Copy'
}
