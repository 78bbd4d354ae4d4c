import * as z from 'zod'
import { providerMembers, providerRules } from './location.ts'
import type { Condition, KubeObject } from './meta.ts'
import { conditions, count, failure, text, time, withRules } from './schema.ts'
import { moverSettings } from './volume.ts'

export const StorageProviderSpec = withRules(
  z.object({
    ...providerMembers,
    default: z.boolean().default(false).meta({
      description: 'true: the store of every Dataset of this namespace that names none. One per namespace.',
    }),
    mover: moverSettings.optional(),
  }),
  providerRules,
)
export type StorageProviderSpec = z.output<typeof StorageProviderSpec>

const found = (description: string) => z.boolean().meta({ description })

export const StorageProviderStatus = z.object({
  observedGeneration: count('metadata.generation that this status speaks of.').optional(),
  location: text('Where it is, in short, for people.', 1400).optional(),
  capabilities: z
    .object({
      putIfAbsent: found('An object can be made only if it is not there (If-None-Match).'),
      getIfMatch: found('An object can be read only if it is unchanged (If-Match).'),
      multipartIfAbsent: found('The same for uploads in parts.'),
      versioning: found('The bucket keeps old versions of objects.'),
      checksums: found('The server verifies checksums.'),
    })
    .optional()
    .meta({ description: 'What a probe found, once a day again.' }),
  probedAt: time('When it was probed last.').optional(),
  probeStartedAt: time('When the probe that is under way was asked for.').optional(),
  attempt: count('Which attempt of the probe runs, or failed last.').optional(),
  failures: count('How many probes failed in a row.').optional(),
  probedGeneration: count('metadata.generation of the last probe, or of the one under way.').optional(),
  nextRetryAt: time('When it is probed again after a failure.').optional(),
  lastFailure: failure.optional(),
  users: count('How many Datasets use it.').optional(),
  conditions: conditions.optional(),
})
export type StorageProviderStatus = Omit<z.output<typeof StorageProviderStatus>, 'conditions'> & {
  conditions?: Condition[]
}

export interface StorageProvider extends KubeObject {
  spec: StorageProviderSpec
  status?: StorageProviderStatus
}
