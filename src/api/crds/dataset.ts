import { fixedPlace, present, ready, shortName } from '../cel.ts'
import type { Resource } from '../crd.ts'
import { DatasetSpec, DatasetStatus } from '../dataset.ts'

const source = (member: string) => present('self', `spec.source.${member}`)
const notBesideAnAlias = ['store', 'sync', 'outputs', 'writeBack', 'tags', 'retention', 'allowedNamespaces', 'mover']

const noVersionYet = `!(${present('oldSelf', 'status.versions')}) || oldSelf.status.versions == 0`

export const dataset: Resource = {
  kind: 'Dataset',
  plural: 'datasets',
  singular: 'dataset',
  shortNames: ['dset', 'dsets'],
  description:
    'Data with a name and numbered, immutable versions: imported from a source, or written by workloads. An empty spec is legal: a Dataset of outputs in the default store.',
  spec: DatasetSpec,
  status: DatasetStatus,
  rules: [
    shortName('Dataset'),
    {
      rule: `!(${source('dataset')}) || !(${notBesideAnAlias.map((field) => `has(self.spec.${field})`).join(' || ')} || self.spec.import != 'Auto' || self.spec.adopt || self.spec.deletionPolicy != 'Retain')`,
      message:
        'an alias (source.dataset) has no store, versions or tags of its own: beside source it may have volume and description only',
    },
    {
      rule: `!(${source('dataset')}) || !(has(self.spec.source.include) || has(self.spec.source.exclude) || has(self.spec.source.allowEmpty))`,
      message: 'an alias (source.dataset) is the whole Dataset: leave include, exclude and allowEmpty out',
    },
    {
      rule: `self.spec.import != 'Mount' || (${source('nfs')}) || (${source('hostPath')})`,
      message: 'import: Mount is for sources of the kinds nfs and hostPath: write import: Auto',
    },
    {
      rule: `self.spec.import != 'Reference' || !has(self.spec.source) || (${source('provider')}) || (${source('s3')}) || (${source('gcs')})`,
      message:
        'import: Reference points at objects of a bucket (provider, s3 or gcs): write import: Copy, or leave it out',
    },
    {
      rule: `!(${present('self', 'spec.writeBack.toSource')}) || (${source('provider')}) || (${source('s3')}) || (${source('gcs')})`,
      message: 'writeBack.toSource needs a source of the kinds provider, s3 or gcs: name a provider and prefix instead',
    },
    ...fixedPlace(
      'spec.store',
      ['provider', 's3.bucket', 'gcs.bucket', 'claim.name', 'claim.path'],
      noVersionYet,
      'the store is fixed once a version exists: make another Dataset for another store (endpoint and credentials may change)',
    ),
    {
      rule: `!(${present('oldSelf', 'status.nextSequence')}) || ((${present('self', 'status.nextSequence')}) && self.status.nextSequence >= oldSelf.status.nextSequence)`,
      message: 'status.nextSequence never goes back: no number is given twice',
    },
  ],
  columns: [
    { name: 'Source', type: 'string', jsonPath: '.status.source', description: 'Where the data comes from.' },
    {
      name: 'Latest',
      type: 'string',
      jsonPath: '.status.latest.version',
      description: 'The newest committed version.',
    },
    { name: 'Files', type: 'integer', jsonPath: '.status.latest.files', description: 'Its files.' },
    { name: 'Size', type: 'string', jsonPath: '.status.latest.size', description: 'Its bytes.' },
    {
      name: 'Ready',
      type: 'string',
      jsonPath: ready('status'),
      description: 'Whether all that is asked for is there.',
    },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
    { name: 'Reason', type: 'string', jsonPath: ready('reason'), description: 'Why it is ready, or not.', priority: 1 },
    {
      name: 'Last-Sync',
      type: 'date',
      jsonPath: '.status.lastSync.finishedAt',
      description: 'When the source was looked at.',
      priority: 1,
    },
    {
      name: 'Versions',
      type: 'integer',
      jsonPath: '.status.versions',
      description: 'How many versions are committed.',
      priority: 1,
    },
  ],
}
