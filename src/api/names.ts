/** Names, labels, annotations and finalizers: the words that other people's objects and tools see of Granary. */

export const managedByLabel = 'app.kubernetes.io/managed-by'
export const managedBy = 'granary'

export const labels = {
  /** Name of the Dataset. */
  dataset: 'granary.dev/dataset',
  /** `v<N>`. */
  version: 'granary.dev/version',
  /** uid of the object that a child was made for. */
  ownerUid: 'granary.dev/owner-uid',
  /** One of `roles`. */
  role: 'granary.dev/role',
} as const

export type Role = 'mover' | 'prime' | 'working' | 'version' | 'cache' | 'rescue' | 'source' | 'store' | 'snapshot'

export const annotations = {
  // on claims, by people
  /** Which version: latest, a tag, v<N>, or none for empty. */
  version: 'granary.dev/version',
  fromNamespace: 'granary.dev/from-namespace',
  /** ReadOnly, ReadWrite or Private. */
  access: 'granary.dev/access',
  /** Immediate: fill without waiting for a pod. */
  bind: 'granary.dev/bind',
  message: 'granary.dev/message',
  tags: 'granary.dev/tags',
  commit: 'granary.dev/commit',

  // on claims, by Granary
  /** JSON: {ref, dataset, version, digest}. */
  resolved: 'granary.dev/resolved',
  digest: 'granary.dev/digest',
  /** Name of the DatasetVersion that a ReadWrite claim belongs to now. */
  openVersion: 'granary.dev/open-version',
  /** Name of the claim that holds the bytes after the original one began to go. */
  rescue: 'granary.dev/rescue',
  /** JSON: {used, reason, reach}: how its volume is filled, chosen once. */
  strategy: 'granary.dev/strategy',
  /** `<reason>: <sentence>`. */
  waiting: 'granary.dev/waiting',

  // on a mover's Job that looks at the places of many objects
  /** JSON: [kind, name, uid, attempt] of each, in the order of its spec. */
  looks: 'granary.dev/looks',

  // on a DatasetVersion
  /** Name and uid of the claim that it is written through. */
  claim: 'granary.dev/claim',
  claimUid: 'granary.dev/claim-uid',
  /** JSON: {kind, name, uid} of the writer for which it was opened again. */
  openedFor: 'granary.dev/opened-for',
  /** JSON of the entry that was found in the store. */
  adopted: 'granary.dev/adopted',
  /** uid of the version: drop the bytes that are to be committed. */
  abandon: 'granary.dev/abandon',
  /** uid of the version: commit what the last checkpoint saved, because the volume is lost. */
  commitCheckpoint: 'granary.dev/commit-checkpoint',
  checkpointRequestedAt: 'granary.dev/checkpoint-requested-at',
  /** `<new value>[ fast| full| <n>/<t>][ claim/<name>]`: compare the listing alone, read all bytes (default), or the n-th of t parts; in the store, or on a claim. */
  verifyRequestedAt: 'granary.dev/verify-requested-at',

  // on a Dataset
  syncRequestedAt: 'granary.dev/sync-requested-at',
  /** `v<N>[ <new value>]`: bring back a version that was deleted and whose grace is not over. */
  restore: 'granary.dev/restore',
  /** `<new value>[ dry-run]`: clean the store up now. */
  sweepRequestedAt: 'granary.dev/sweep-requested-at',

  // on a mover's pod
  /** What the spec says of the files of an inline or http source. */
  document: 'granary.dev/document',

  // on a PersistentVolume
  /** The reclaim policy to put back. */
  reclaimPolicy: 'granary.dev/reclaim-policy',

  // on a Namespace
  /** "true": finalizing movers may run as root where the writer did. */
  privilegedMovers: 'granary.dev/privileged-movers',
} as const

export const finalizers = {
  dataset: 'granary.dev/dataset',
  version: 'granary.dev/version',
  populate: 'granary.dev/populate',
  finalize: 'granary.dev/finalize',
  cache: 'granary.dev/cache',
  provider: 'granary.dev/provider',
  /** On a Dataset, while there is a PersistentVolume that was made for it. */
  share: 'granary.dev/share',
} as const

/** Children add to the names of our kinds, and a label holds 63 characters. */
export const maxNameLength = 48

/** `v3`, as people write numbers. */
export const versionTag = (sequence: number): string => `v${sequence}`

/** The number in `v3`; undefined if it is none (`v0`, `v03`, `prod`). */
export const parseVersionTag = (text: string): number | undefined =>
  /^v[1-9][0-9]{0,9}$/.test(text) ? Number(text.slice(1)) : undefined

/** Name of the DatasetVersion that Granary makes, of its read-only claim, and of its snapshots. */
export const versionName = (dataset: string, sequence: number): string => `${dataset}-v${sequence}`

/** Name of the read-only claim that `spec.volume` keeps ready. */
export const claimName = versionName

/** The Dataset and number in `<dataset>-v<N>`; undefined if the name is another. */
export const parseVersionName = (name: string): { dataset: string; sequence: number } | undefined => {
  const match = /^(.+)-(v[1-9][0-9]{0,9})$/.exec(name)
  const sequence = parseVersionTag(match?.[2] ?? '')
  return match?.[1] !== undefined && sequence !== undefined ? { dataset: match[1], sequence } : undefined
}

/** The claim that a mover fills before its volume is handed over. */
export const primeName = (claimUid: string): string => `prime-${claimUid}`

/** The claim that keeps the bytes of a volume whose own claim goes. */
export const rescueName = (volumeUid: string): string => `rescue-${volumeUid}`

/** A mover's Job. */
export const moverName = (op: string, ownerUid: string, attempt: number): string =>
  `granary-${op.toLowerCase()}-${ownerUid}-${attempt}`

/** The claim that the operator's default store is, in every namespace that uses it. */
export const storeClaimName = 'granary-store'

/** The labels of everything that Granary makes. */
export const childLabels = (options: {
  ownerUid: string
  role: Role
  dataset?: string
  version?: string
}): Record<string, string> => ({
  [managedByLabel]: managedBy,
  [labels.ownerUid]: options.ownerUid,
  [labels.role]: options.role,
  ...(options.dataset === undefined ? {} : { [labels.dataset]: options.dataset }),
  ...(options.version === undefined ? {} : { [labels.version]: options.version }),
})
