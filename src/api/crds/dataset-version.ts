import { fixed, present, ready, unchanged } from '../cel.ts'
import type { Resource } from '../crd.ts'
import { DatasetVersionSpec, DatasetVersionStatus } from '../dataset-version.ts'
import type { Rule } from '../schema.ts'

const immutable = ['dataset', 'base', 'from', 'commit', 'checkpoint', 'expectedParent', 'volume']
const untilCommitted = ['message', 'tags']
const writeOnce = ['digest', 'rootDigest', 'files', 'bytes', 'version']

const wasCommitted = `(${present('oldSelf', 'status.phase')}) && oldSelf.status.phase in ['Committed', 'Expired', 'Deleting'] && (${present('oldSelf', 'status.digest')})`

const names: Rule[] = [
  {
    rule: "self.metadata.name.matches('-v[0-9]+$') || size(self.metadata.name) <= 48",
    message:
      'the name of a DatasetVersion has at most 48 characters, because names of volumes and Jobs are made from it',
  },
  {
    rule: "!self.metadata.name.matches('-v[0-9]+$') || (self.metadata.name.startsWith(self.spec.dataset + '-v') && self.metadata.name.substring(size(self.spec.dataset) + 2).matches('^[1-9][0-9]{0,9}$'))",
    message:
      'names that end in -v and digits are for Granary, which numbers versions itself as <dataset>-v<N>: choose another name, or write generateName',
  },
]

export const datasetVersion: Resource = {
  kind: 'DatasetVersion',
  plural: 'datasetversions',
  singular: 'datasetversion',
  shortNames: ['dsv'],
  description:
    'One version of a Dataset: open while it is imported or written to, immutable once it is committed. Granary makes them for imports and for claims; a person may make one too.',
  spec: DatasetVersionSpec,
  status: DatasetVersionStatus,
  rules: [
    ...names,
    {
      rule: '!has(self.spec.from) || !(has(self.spec.base) || has(self.spec.volume) || has(self.spec.commit) || has(self.spec.checkpoint))',
      message:
        'a version with from takes its content from there and commits by itself: leave base, volume, commit and checkpoint out',
    },
    ...immutable.map((field) => ({
      rule: fixed(`spec.${field}`),
      message: `spec.${field} is immutable: make another DatasetVersion`,
    })),
    {
      rule: '!has(oldSelf.spec.committed) || !oldSelf.spec.committed || (has(self.spec.committed) && self.spec.committed)',
      message: 'spec.committed does not go back from true: a commit that was asked for is made',
    },
    ...untilCommitted.map((field) => ({
      rule: `!(${wasCommitted}) || (${fixed(`spec.${field}`)})`,
      message: `spec.${field} is immutable once the version is committed; tags of a Dataset move by spec.tags of the Dataset`,
    })),
    {
      rule: unchanged('status.sequence'),
      message: 'status.sequence is written once: a version keeps its number',
    },
    ...writeOnce.map((field) => ({
      rule: `!(${wasCommitted}) || (${unchanged(`status.${field}`)})`,
      message: `status.${field} of a committed version is written once`,
    })),
    {
      rule: `!(${wasCommitted}) || ((${present('self', 'status.phase')}) && self.status.phase in ['Committed', 'Expired', 'Deleting'])`,
      message: 'a committed version stays committed until it expires or is deleted',
    },
  ],
  columns: [
    { name: 'Dataset', type: 'string', jsonPath: '.spec.dataset', description: 'Its Dataset.' },
    { name: 'Version', type: 'string', jsonPath: '.status.version', description: 'Its number.' },
    { name: 'Phase', type: 'string', jsonPath: '.status.phase', description: 'Where it is in its life.' },
    { name: 'Progress', type: 'string', jsonPath: '.status.progress.summary', description: 'How far the mover is.' },
    { name: 'Files', type: 'integer', jsonPath: '.status.files', description: 'Its files.' },
    { name: 'Size', type: 'string', jsonPath: '.status.size', description: 'Its bytes.' },
    { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Since when it exists.' },
    { name: 'Digest', type: 'string', jsonPath: '.status.digest', description: 'Digest of its content.', priority: 1 },
    { name: 'Message', type: 'string', jsonPath: '.spec.message', description: 'What it is.', priority: 1 },
    {
      name: 'Claim',
      type: 'string',
      jsonPath: '.status.claimName',
      description: 'The claim it is written through.',
      priority: 1,
    },
    { name: 'Reason', type: 'string', jsonPath: ready('reason'), description: 'Why it is ready, or not.', priority: 1 },
  ],
}
