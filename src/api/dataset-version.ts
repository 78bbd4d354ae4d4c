import * as z from 'zod'
import type { Condition, KubeObject } from './meta.ts'
import { base, checkpoint, commitPolicy, refString, tag, versionNumber } from './ref-schema.ts'
import {
  conditions,
  count,
  exactlyOne,
  failure,
  listOf,
  mapOf,
  objectName,
  setOf,
  sha256,
  stringMap,
  text,
  time,
  withRules,
} from './schema.ts'
import { workingVolume } from './volume.ts'

export const phases = [
  'Pending',
  'Initializing',
  'Running',
  'Finalizing',
  'Committed',
  'Failed',
  'Uncommitted',
  'Abandoned',
  'Expired',
  'Deleting',
] as const
export type Phase = (typeof phases)[number]

const from = withRules(
  z.object({
    source: z.object({}).optional().meta({ description: "Import the Dataset's source now." }),
    claim: z
      .object({
        name: objectName('Name of the claim, in the same namespace.'),
        path: text('A directory of the volume; default: all of it.', 1024).optional(),
        live: z.boolean().optional().meta({
          description:
            'true: where its class has no snapshots, read it while pods write to it; files that change meanwhile fail it, by name.',
        }),
      })
      .optional()
      .meta({ description: 'Take what is on this claim.' }),
    version: versionNumber(
      'The content of this version once more, all of whose bytes are stored anew: it needs no source and no other version.',
    ).optional(),
  }),
  [
    {
      rule: exactlyOne(['source', 'claim', 'version']),
      message: 'from is exactly one of source: {}, claim: {name: …} or version: v<N>',
    },
  ],
).meta({ description: 'Where the content comes from; such a version commits by itself. Absent: a volume to write in.' })

export const DatasetVersionSpec = z.object({
  dataset: objectName('The Dataset, in the same namespace.', 48),
  message: text('What this version is, as in a commit message.', 2048).optional(),
  tags: setOf(tag('A tag.'), 100, 'Tags that are put on the version when it is committed.').optional(),
  base: base('What the working volume starts with: latest, a tag or a number such as v3; default: empty.').optional(),
  from: from.optional(),
  commit: commitPolicy.optional(),
  committed: z.boolean().optional().meta({ description: 'true: commit once the writers are gone.' }),
  checkpoint: checkpoint.optional(),
  expectedParent: versionNumber('Refuse the commit if the latest version is another one by then.').optional(),
  volume: workingVolume
    .optional()
    .meta({ description: 'The volume to write in; default: as spec.outputs of the Dataset.' }),
})
export type DatasetVersionSpec = z.output<typeof DatasetVersionSpec>

const user = z.object({
  kind: text('Kind of the writer: Job, TaskRun, StatefulSet, Pod, …', 64),
  name: text('Its name.'),
  uid: text('Its uid.', 64),
  outcome: z
    .enum(['Running', 'Succeeded', 'Failed', 'Deleted', 'Unknown'])
    .meta({ description: 'How it ended. Deleted: while it ran. Unknown: nobody saw its end.' }),
})

const writer = z
  .object({
    runAsUser: z.int().optional().meta({ description: 'uid of the process.' }),
    runAsGroup: z.int().optional().meta({ description: 'gid of the process.' }),
    fsGroup: z.int().optional().meta({ description: 'Group of the volume.' }),
    supplementalGroups: listOf(z.int(), 64, 'Further groups.').optional(),
  })
  .meta({ description: 'Whose files these are: the finalizing mover runs as the same.' })

const progress = z
  .object({
    filesDone: count('Files done.'),
    filesTotal: count('Files in all.').optional(),
    bytesDone: count('Bytes done.'),
    bytesTotal: count('Bytes in all.').optional(),
    bytesPerSecond: count('Speed.').optional(),
    etaSeconds: count('Seconds to go.').optional(),
    summary: text('The same for people: 42%, 1.2 of 2.9 GiB.', 64).optional(),
  })
  .meta({ description: 'How far the mover is.' })

export const DatasetVersionStatus = z.object({
  observedGeneration: count('metadata.generation that this status speaks of.').optional(),
  phase: z.enum(phases).optional().meta({ description: 'Where the version is in its life.' }),
  version: versionNumber('Its number, v<N>.').optional(),
  sequence: count('Its number.').optional(),
  openedAt: time('When it got its number; the time of its record.').optional(),
  parent: count('Number of the version that was latest when it opened.').optional(),
  base: z
    .object({
      sequence: count('Its number.'),
      digest: sha256('Digest of its content.'),
      root: sha256('Digest of its root.'),
      files: count('How many files.').optional(),
      bytes: count('How many bytes.').optional(),
    })
    .optional()
    .meta({ description: 'What the working volume started with.' }),
  digest: sha256('Digest of its content: the same content has the same digest wherever it lies.').optional(),
  rootDigest: sha256('Digest of its root: of this content in this store.').optional(),
  files: count('How many files.').optional(),
  bytes: count('How many bytes.').optional(),
  size: text('Bytes, for people: 11.4 MiB.', 32).optional(),
  claimName: text('The claim that is written to.').optional(),
  users: mapOf(user, ['uid'], 64, 'Who wrote to it.').optional(),
  writer: writer.optional(),
  firstUsedAt: time('When a pod used the claim first.').optional(),
  progress: progress.optional(),
  attempt: count('Which attempt runs, or failed last.').optional(),
  nextRetryAt: time('When it is tried again.').optional(),
  lastFailure: failure.optional(),
  snapshots: mapOf(
    z.object({
      class: text('VolumeSnapshotClass.'),
      name: text('VolumeSnapshot.'),
      ready: z.boolean().meta({ description: 'Whether volumes can be made from it.' }),
    }),
    ['name'],
    16,
    'Snapshots of its volumes.',
  ).optional(),
  strategy: z
    .object({ used: text('Snapshot, Clone, Shared or Copy.', 32), reason: text('Why.', 1024) })
    .optional()
    .meta({ description: 'How its volume is filled.' }),
  reach: z.enum(['OneNode', 'ManyNodes']).optional().meta({ description: 'From where its volume can be used.' }),
  inputs: listOf(
    z.object({
      ref: refString('As it was asked for.'),
      version: versionNumber('What it was.'),
      digest: sha256('Digest of the content.'),
    }),
    64,
    'What its writer read.',
  ).optional(),
  producedBy: stringMap('Who wrote it: kind, name, uid, image, …').optional(),
  import: z
    .object({
      mode: z.enum(['Reference', 'Copy']).meta({ description: 'How it was imported.' }),
      reason: text('Why so.', 1024),
      fingerprint: text('Fingerprint of the listing that was imported.', 128),
    })
    .optional()
    .meta({ description: 'Of a version of the source.' }),
  lastCheckpointAt: time('Until when what was written is saved, while its writer runs.').optional(),
  checkpoint: z
    .object({
      startedAt: time('When the one under way began.').optional(),
      finishedAt: time('When the last one ended.').optional(),
      request: text('The value of granary.dev/checkpoint-requested-at that was handled last, or is.', 256).optional(),
      files: count('How many files were saved.').optional(),
      bytes: count('Their bytes.').optional(),
      uploaded: count('Bytes that had to be uploaded.').optional(),
      left: count('How many files were left for the next time.').optional(),
      attempt: count('Which attempt runs, or comes next.').optional(),
      failures: count('How many failed in a row.').optional(),
      nextRetryAt: time('When it is tried again.').optional(),
      committing: z.boolean().optional().meta({ description: 'true: it is being committed instead of the volume.' }),
    })
    .optional()
    .meta({ description: 'What was saved while its writer ran.' }),
  startedAt: time('When work on it began.').optional(),
  initializedAt: time('When its volume was ready.').optional(),
  releasedAt: time('When the last writer was gone.').optional(),
  committedAt: time('When it was committed.').optional(),
  mirror: z
    .object({
      location: text('Where to.', 1400).optional(),
      files: count('Files there.').optional(),
      bytes: count('Bytes there.').optional(),
      written: count('Objects that were written.').optional(),
      removed: count('Objects that were removed.').optional(),
      fingerprint: text(
        'Fingerprint of the listing of the source after it was written back to: a look that finds just this makes no version.',
        128,
      ).optional(),
      finishedAt: time('When.').optional(),
      attempt: count('Which attempt.').optional(),
      nextRetryAt: time('When it is tried again.').optional(),
    })
    .optional()
    .meta({ description: 'How it was mirrored.' }),
  lastVerification: z
    .object({
      request: text('The value of granary.dev/verify-requested-at that asked for it.', 256),
      depth: z
        .enum(['Fast', 'Full'])
        .optional()
        .meta({ description: 'Fast: names and sizes, from a listing. Full: every byte.' }),
      part: text('n/t: the bytes of the n-th of t parts alone.', 32).optional(),
      claim: objectName('The claim whose volume was compared; absent: the store.').optional(),
      startedAt: time('When it began.').optional(),
      finishedAt: time('When it ended.').optional(),
      result: text('Sound, Bad, or the reason why it came to no end.', 64).optional(),
      files: count('Files that were compared.').optional(),
      bytes: count('Their bytes.').optional(),
      bad: count('How many files are not as the manifest says.').optional(),
      names: listOf(
        z.object({ path: text('A file.', 1024), problem: text('What is wrong with it.', 1024) }),
        5,
        'The first bad files.',
      ).optional(),
      attempt: count('Which attempt.').optional(),
      failures: count('How many attempts failed in a row.').optional(),
      nextRetryAt: time('When it is tried again.').optional(),
    })
    .optional()
    .meta({ description: 'The last comparison with the manifest.' }),
  conditions: conditions.optional(),
})
export type DatasetVersionStatus = Omit<z.output<typeof DatasetVersionStatus>, 'conditions'> & {
  conditions?: Condition[]
}

/** The spec is what the API server stored: parse it with `parseSpec(DatasetVersionSpec, version)` before trusting it. */
export interface DatasetVersion extends KubeObject {
  spec: DatasetVersionSpec
  status?: DatasetVersionStatus
}
