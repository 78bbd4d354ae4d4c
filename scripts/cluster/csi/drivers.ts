/**
 * The drivers that each node's process serves. The first two keep a volume as a file system in a file, which one node at a time may write to: `dir` makes
 * snapshots and clones, `plain` neither. Volumes of `shared` are directories, which all nodes may write to, without snapshots and clones.
 */
export const drivers = {
  dir: { name: 'dir.csi.test.granary.dev', snapshots: true, shared: false },
  plain: { name: 'plain.csi.test.granary.dev', snapshots: false, shared: false },
  shared: { name: 'shared.csi.test.granary.dev', snapshots: false, shared: true },
} as const

export type Driver = (typeof drivers)[keyof typeof drivers]

/** Parameter of a storage class: `any` makes volumes that each node can use, `node` (the default) such that only the chosen node can. */
export const reachParameter = 'reach'
