/** The drivers that one process serves. Both keep volumes alike; the plain one knows neither snapshots nor clones. */
export const drivers = {
  dir: { name: 'dir.csi.test.granary.dev', snapshots: true },
  plain: { name: 'plain.csi.test.granary.dev', snapshots: false },
} as const

export type Driver = (typeof drivers)[keyof typeof drivers]
