import * as z from 'zod'
import type { Condition, KubeObject } from './meta.ts'
import { refString } from './ref-schema.ts'
import {
  conditions,
  count,
  duration,
  mapOf,
  quantity,
  setOf,
  sha256,
  stringMap,
  text,
  time,
  withRules,
} from './schema.ts'
import { accessModes, storageClassName } from './volume.ts'

const volume = withRules(
  z.object({
    storageClassName: storageClassName.optional(),
    size: quantity('Size of the volume.').optional(),
    accessModes: accessModes('Default: ReadWriteMany.').optional(),
    nodeSelector: stringMap('Node-local: labels of the nodes that have the directory.').optional(),
    path: withRules(text('Node-local: the directory, the same on every node.', 1024), [
      {
        rule: "self.startsWith('/') && !(self + '/').contains('/../')",
        message: 'path starts with a slash and has no ".."',
      },
    ]).optional(),
  }),
  [
    {
      rule: 'has(self.path) ? !(has(self.storageClassName) || has(self.accessModes)) : (has(self.size) && !has(self.nodeSelector))',
      message: 'a cache is a volume (size, storageClassName, accessModes) or node-local (path, nodeSelector), not both',
    },
  ],
).meta({ description: 'Where the cache lives.' })

export const VolumeCacheSpec = z.object({
  default: z.boolean().default(false).meta({ description: 'true: used for every input of this namespace.' }),
  volume,
  preload: setOf(refString('A ref.'), 64, 'Versions that are kept warm; a moved tag is followed.').optional(),
  pins: setOf(refString('A ref.'), 64, 'Versions that are never evicted.').optional(),
  idleTTL: duration('How long a version stays after its last use.').default('72h'),
  watermarks: withRules(
    z.object({
      high: z.int().min(1).max(99).default(85).meta({ description: 'Per cent in use at which eviction begins.' }),
      low: z.int().min(1).max(99).default(70).meta({ description: 'Per cent in use at which it ends.' }),
    }),
    [{ rule: 'self.low < self.high', message: 'low is below high: write {high: 85, low: 70}' }],
  )
    .optional()
    .meta({ description: 'When versions are evicted, in per cent of bytes and of inodes.' }),
})
export type VolumeCacheSpec = z.output<typeof VolumeCacheSpec>

export const VolumeCacheStatus = z.object({
  observedGeneration: count('metadata.generation that this status speaks of.').optional(),
  capacity: quantity('Size of the volume.').optional(),
  used: quantity('Bytes in use.').optional(),
  reserved: quantity('Bytes promised to fills that run.').optional(),
  entries: mapOf(
    z.object({
      ref: text('What was asked for.', 260),
      digest: sha256('Digest of the content.'),
      path: text('Where it is on the volume.', 1024),
      bytes: count('Its bytes.'),
      uniqueBytes: count('Bytes that no other entry shares.').optional(),
      state: z.enum(['Filling', 'Ready', 'Evicting', 'Failed']).meta({ description: 'What it is.' }),
      lastUsedAt: time('When a pod used it last.').optional(),
      pinned: z.boolean().optional().meta({ description: 'Never evicted.' }),
      users: count('How many pods use it.').optional(),
    }),
    ['digest'],
    1000,
    'What is on it.',
  ).optional(),
  entryCount: count('How many entries there are.').optional(),
  hits: count('Inputs that were there.').optional(),
  misses: count('Inputs that were not.').optional(),
  evictions: count('Versions that were evicted.').optional(),
  bytesSaved: count('Bytes that were not transferred again.').optional(),
  features: z
    .object({
      links: z.boolean().optional().meta({ description: 'Hard links work.' }),
      reflinks: z.boolean().optional().meta({ description: 'Copies share blocks.' }),
      inodes: count('Inodes in all.').optional(),
    })
    .optional()
    .meta({ description: 'What a probe found.' }),
  conditions: conditions.optional(),
})
export type VolumeCacheStatus = Omit<z.output<typeof VolumeCacheStatus>, 'conditions'> & { conditions?: Condition[] }

export interface VolumeCache extends KubeObject {
  spec: VolumeCacheSpec
  status?: VolumeCacheStatus
}
