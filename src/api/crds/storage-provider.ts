import { fixedPlace, ready, shortName } from '../cel.ts'
import type { Resource } from '../crd.ts'
import { StorageProviderSpec, StorageProviderStatus } from '../storage-provider.ts'

export const storageProvider: Resource = {
  kind: 'StorageProvider',
  plural: 'storageproviders',
  singular: 'storageprovider',
  shortNames: ['sprov'],
  description: "A team's bucket, declared once, that Datasets of the namespace name as source or store.",
  spec: StorageProviderSpec,
  status: StorageProviderStatus,
  rules: [
    shortName('StorageProvider'),
    ...fixedPlace(
      'spec',
      ['s3.bucket', 'gcs.bucket', 'claim.name', 'claim.path'],
      'false',
      'bucket, prefix and kind of a StorageProvider are immutable, because versions lie there: make another one (endpoint and credentials may change)',
    ),
  ],
  columns: [
    { name: 'Location', type: 'string', jsonPath: '.status.location', description: 'Where it is.' },
    {
      name: 'Default',
      type: 'string',
      jsonPath: '.spec.default',
      description: 'Whether Datasets use it that name no store.',
    },
    { name: 'Ready', type: 'string', jsonPath: ready('status'), description: 'Whether it can be used.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
    { name: 'Reason', type: 'string', jsonPath: ready('reason'), description: 'Why it is ready, or not.', priority: 1 },
  ],
}
