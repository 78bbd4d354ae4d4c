import type { LayoutRecord } from '../../src/manifest/records.ts'
import type { CommitRecord, Entry } from '../../src/manifest/types.ts'

/** The tree of the golden files, in path order: v2 of a Dataset whose v1 holds two of the files. */
export const tree: Entry[] = [
  { p: 'LICENSE', s: 11, h: '64ec88ca00b268e5ba1a35678a1b5316d212f4f366b2477232534a8aeca37f3c', o: 1 },
  { p: 'bin/train', s: 10, h: '4b1b8c4a7a3b1f2e6d5c4b3a29181706f5e4d3c2b1a09f8e7d6c5b4a39281706', x: 1 },
  { p: 'data/empty', s: 0, h: 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855' },
  { p: 'data/latest', l: '../data/part 1.csv' },
  { p: 'data/part 1.csv', s: 1099511627776, h: 'a'.repeat(64), x: 1, o: 1 },
  {
    p: 'images/0001.png',
    s: 70,
    h: 'b'.repeat(64),
    u: { b: 'photos', k: 'in/0001.png', v: '3/L4kqtJlcpXroDTDmpUMLUo' },
  },
  {
    p: 'images/0002.png',
    s: 71,
    h: 'c'.repeat(64),
    u: { b: 'photos', k: 'in/"2".png', e: '5d41402abc4b2a76b9719d911017c592' },
  },
  { p: 'näme/日本.txt', s: 3, h: 'd'.repeat(64) },
  { p: 'quote"back\\slash', s: 4, h: 'e'.repeat(64) },
  { p: '\uff5e', s: 5, h: 'f'.repeat(64) },
  { p: '😀', s: 6, h: '0'.repeat(64) },
]

export const layout: LayoutRecord = {
  layout: 1,
  dataset: { namespace: 'team', name: 'digits' },
  uid: '7a0f6c1e-3b52-4b0e-9d1c-2f6f0f6f0a11',
  created: '2026-11-21T12:00:00Z',
}

/** Keys in no particular order: the writer's order is what the golden file pins. */
export const commit = (root: string, digest: string, files: number, bytes: number): CommitRecord => ({
  import: 'Reference',
  inputs: [{ version: 'v7', ref: 'team/raw:latest', digest: '1'.repeat(64) }],
  producer: { job: 'train', cluster: 'a', 'pod/uid': '9' },
  tags: ['good', 'best'],
  message: 'the second “one”\n',
  createdAt: '2026-11-21T13:14:15.678Z',
  parent: 1,
  bytes,
  files,
  digest,
  root,
  sequence: 2,
  dataset: { uid: layout.uid, name: 'digits', namespace: 'team' },
  layout: 1,
})
