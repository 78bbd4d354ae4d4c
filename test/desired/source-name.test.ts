import { expect, test } from 'vitest'
import type { ResolvedLocation } from '../../src/desired/location.ts'
import { sourceName } from '../../src/desired/source-name.ts'

const directory = (kind: 'claim' | 'nfs', label: string, prefix = ''): ResolvedLocation => ({
  directory: { kind, label },
  prefix,
})

test.each<[ResolvedLocation, ReturnType<typeof sourceName>]>([
  [{ s3: { bucket: 'team' }, prefix: 'raw/' }, { source: 's3://team/raw/' }],
  [
    { s3: { bucket: 'team', endpoint: 'https://key:secret@store:9000/x?token=secret' }, prefix: '' },
    { source: 's3://team/', endpoint: 'https://store:9000' },
  ],
  [{ gcs: { bucket: 'team', endpoint: 'no url' }, prefix: 'a/b/' }, { source: 'gs://team/a/b/' }],
  [{ configMap: { name: 'labels' }, prefix: '' }, { source: 'configMap labels' }],
  [{ document: 'http', prefix: '' }, { source: 'http' }],
  [directory('claim', 'claim work', 'out/'), { source: 'claim work/out/' }],
  [directory('nfs', 'nfs://server/export'), { source: 'nfs://server/export' }],
])('%j', (at, name) => expect(sourceName(at)).toEqual(name))
