import { ready, shortName, unchanged } from '../cel.ts'
import type { Resource } from '../crd.ts'
import { VolumeCacheSpec, VolumeCacheStatus } from '../volume-cache.ts'

export const volumeCache: Resource = {
  kind: 'VolumeCache',
  plural: 'volumecaches',
  singular: 'volumecache',
  shortNames: ['vcache'],
  description: 'One volume that many versions share, so that inputs are there before a pod asks for them.',
  spec: VolumeCacheSpec,
  status: VolumeCacheStatus,
  rules: [
    shortName('VolumeCache'),
    ...['spec.volume.storageClassName', 'spec.volume.path'].map((path) => ({
      rule: unchanged(path),
      message: `${path} is immutable: make another VolumeCache`,
    })),
  ],
  columns: [
    { name: 'Capacity', type: 'string', jsonPath: '.status.capacity', description: 'Size of the volume.' },
    { name: 'Used', type: 'string', jsonPath: '.status.used', description: 'Bytes in use.' },
    { name: 'Entries', type: 'integer', jsonPath: '.status.entryCount', description: 'How many versions are on it.' },
    { name: 'Hits', type: 'integer', jsonPath: '.status.hits', description: 'Inputs that were there.' },
    { name: 'Ready', type: 'string', jsonPath: ready('status'), description: 'Whether it can be used.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
    { name: 'Reason', type: 'string', jsonPath: ready('reason'), description: 'Why it is ready, or not.', priority: 1 },
  ],
}
