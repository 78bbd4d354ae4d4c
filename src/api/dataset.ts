import * as z from 'zod'
import { sourceLocation, storeLocation, writeBackLocation } from './location.ts'
import type { Condition, KubeObject } from './meta.ts'
import { checkpoint, commitPolicy, isTag, selector, tag, tagSentence, versionNumber } from './ref-schema.ts'
import {
  conditions,
  count,
  duration,
  failure,
  listOf,
  mapOf,
  namespaceName,
  objectName,
  quantity,
  setOf,
  sha256,
  stringMap,
  text,
  time,
  withRules,
} from './schema.ts'
import { accessModes, moverSettings, storageClassName, workingVolume } from './volume.ts'

const sync = withRules(
  z.object({
    maxAge: duration(
      'A workload that wants latest and finds the last look older than this waits for a new one.',
    ).optional(),
    interval: duration('How often to look at the source; default: once, and on request.').optional(),
    schedule: text('When to look at the source, in the five fields of cron: 0 3 * * *.', 128).optional(),
    timeZone: text('Time zone of the schedule, such as Europe/Berlin; default: UTC.', 64).optional(),
    suspend: z.boolean().default(false).meta({ description: 'true: do not look at the source.' }),
  }),
  [{ rule: '!has(self.timeZone) || has(self.schedule)', message: 'timeZone goes with schedule' }],
).meta({ description: 'When to look at the source again; changed content makes a new version.' })

const volume = z
  .object({
    storageClassName: storageClassName.optional(),
    accessModes: accessModes(
      'Default: what the class can do for many readers, else ReadWriteOnce, said in status.',
    ).optional(),
    volumeSnapshotClassName: objectName('A VolumeSnapshotClass to keep snapshots with, of the same driver.').optional(),
    size: quantity('Size of each volume; default: from the manifest, with headroom.').optional(),
    keep: z.int().min(0).max(64).default(1).meta({ description: 'How many of the newest versions are kept ready.' }),
    pins: setOf(
      selector('A tag, latest, or a number such as v3.'),
      64,
      'Versions that are kept ready in any case.',
    ).optional(),
    idleTTL: duration('How long a claim beyond keep stays after its last use.').default('72h'),
  })
  .meta({ description: 'Keep versions ready as read-only claims named <dataset>-v<N>.' })

const outputs = z
  .object({
    volume: workingVolume.optional().meta({ description: 'The volume to write in.' }),
    commit: commitPolicy.default('OnSuccess'),
    checkpoint: checkpoint.optional(),
    tags: setOf(tag('A tag.'), 100, 'Tags that each such version asks for.').optional(),
    allowEmpty: z.boolean().default(false).meta({ description: 'true: a version without any file is fine.' }),
  })
  .meta({ description: 'How versions look that workloads open.' })

const retention = z
  .object({
    keepLast: z
      .int()
      .min(1)
      .max(1_000_000)
      .optional()
      .meta({ description: 'How many of the newest stay; default: all.' }),
    keepTagged: z.boolean().default(true).meta({ description: 'Versions with a tag stay.' }),
    uncommittedTTL: duration('How long bytes stay that nobody will commit.').default('168h'),
    deletedGrace: duration('How long a deleted version can be restored.').default('168h'),
  })
  .meta({ description: 'Which versions go.' })

const allowedNamespaces = z
  .object({
    names: setOf(namespaceName('A namespace.'), 64, 'These namespaces.').optional(),
    selector: z
      .object({
        matchLabels: stringMap('Labels that the namespace has.').optional(),
        matchExpressions: listOf(
          z.object({
            key: text('Key of the label.', 317),
            operator: z.enum(['In', 'NotIn', 'Exists', 'DoesNotExist']).meta({ description: 'How to compare.' }),
            values: listOf(text('A value.', 63), 64, 'Values for In and NotIn.').optional(),
          }),
          16,
          'Conditions on labels of the namespace.',
        ).optional(),
      })
      .optional()
      .meta({ description: 'Namespaces with these labels.' }),
    maxFills: z
      .int()
      .min(1)
      .max(1000)
      .default(4)
      .meta({ description: 'How many volumes are filled for others at once.' }),
  })
  .meta({ description: 'Who else may read; default: this namespace only.' })

export const DatasetSpec = z.object({
  description: text('What it is, for people.', 1024).optional(),
  source: sourceLocation.optional(),
  import: z.enum(['Auto', 'Reference', 'Copy', 'Mount']).default('Auto').meta({
    description:
      "How versions of the source are kept. Reference: they point at the source's objects by version id, no second copy. Copy: the bytes go into the store. Auto: Reference where the source keeps old object versions, else Copy; chosen once, with the reason in status. Mount: nfs and hostPath only: no versions, a live read-only claim <name>-live.",
  }),
  store: storeLocation.optional(),
  adopt: z.boolean().default(false).meta({
    description: 'true: take over what a Dataset of this namespace and name left in the store.',
  }),
  sync: sync.optional(),
  volume: volume.optional(),
  outputs: outputs.optional(),
  writeBack: writeBackLocation.optional(),
  tags: withRules(z.record(z.string(), versionNumber('A number such as v12.')), [
    { rule: `self.all(t, ${isTag('t')})`, message: `${tagSentence}: write prod: v12` },
  ])
    .optional()
    .meta({
      description: 'Declared tags: tag to number. They win over tags that versions ask for.',
      maxProperties: 100,
    }),
  retention: retention.optional(),
  allowedNamespaces: allowedNamespaces.optional(),
  mover: moverSettings.optional(),
  deletionPolicy: z.enum(['Retain', 'Delete']).default('Retain').meta({
    description: 'What happens to the stored bytes when the Dataset goes.',
  }),
})
export type DatasetSpec = z.output<typeof DatasetSpec>

export const DatasetStatus = z.object({
  observedGeneration: count('metadata.generation that this status speaks of.').optional(),
  source: text('Where the data comes from, in short, for people.', 1400).optional(),
  latest: z
    .object({
      version: versionNumber('Its number.'),
      name: objectName('Its DatasetVersion.'),
      digest: sha256('Digest of its content.'),
      files: count('How many files.'),
      bytes: count('How many bytes.'),
      size: text('Bytes, for people: 11.4 MiB.', 32).optional(),
      committedAt: time('When it was committed.'),
    })
    .optional()
    .meta({ description: 'The committed version with the highest number.' }),
  tags: mapOf(
    z.object({
      name: text('The tag.', 63),
      version: versionNumber('The number that it points at.'),
      digest: sha256('Digest of the content.').optional(),
      movedAt: time('When it was put there.'),
    }),
    ['name'],
    200,
    'Where tags point.',
  ).optional(),
  tagHistory: listOf(
    z.object({
      name: text('The tag.', 63),
      from: versionNumber('Where it pointed; absent: it was new.').optional(),
      to: versionNumber('Where it points; absent: it was removed.').optional(),
      at: time('When.'),
    }),
    20,
    'The last 20 moves of tags, newest first.',
  ).optional(),
  versions: count('How many versions are committed.').optional(),
  nextSequence: count('The number that the next version gets.').optional(),
  opening: listOf(
    z.object({
      sequence: count('The number.'),
      for: text('import, claim:<uid> or version:<uid>.', 128),
      at: time('When it was taken; the time of opening.'),
      parent: count('Number of the latest version then.').optional(),
    }),
    512,
    'Numbers that are taken, whose versions do not have them yet.',
  ).optional(),
  store: z
    .object({
      provider: text('The StorageProvider, if it is one.').optional(),
      kind: z.enum(['s3', 'gcs', 'claim']).meta({ description: 'What kind of store.' }),
      bucket: text('The bucket, or the claim.'),
      region: text('Its region.', 64).optional(),
      endpoint: text('Its server.', 512).optional(),
      forcePathStyle: z.boolean().optional().meta({ description: 'As in the location.' }),
      prefix: text('The whole prefix, with namespace and name: where LAYOUT.json is.', 2048),
    })
    .optional()
    .meta({ description: 'The store that was resolved first; it does not change.' }),
  import: z
    .object({
      mode: z.enum(['Reference', 'Copy', 'Mount']).meta({ description: 'What was chosen.' }),
      reason: text('Why.', 1024),
    })
    .optional()
    .meta({ description: 'How the source is imported.' }),
  importedFingerprint: text('Fingerprint of the listing that was imported last.', 128).optional(),
  failedFingerprint: text('Fingerprint of a listing whose import failed for good.', 128).optional(),
  lastSync: z
    .object({
      startedAt: time('When the look began.').optional(),
      finishedAt: time('When it ended.').optional(),
      result: text('Unchanged, Changed, Imported or a reason.', 128).optional(),
      objects: count('How many objects were listed.').optional(),
      bytes: count('How many bytes they have.').optional(),
      changed: z.boolean().optional().meta({ description: 'Whether it differed from what was imported last.' }),
      fingerprint: text('Fingerprint of the listing.', 128).optional(),
      attempt: count('Which look this is; its mover is named after it.').optional(),
      generation: count('metadata.generation of the Dataset that was looked for.').optional(),
      failures: count('How many looks failed in a row.').optional(),
      sequence: count('The number that the import of this listing was given.').optional(),
      slow: z
        .boolean()
        .optional()
        .meta({ description: 'true: listing it takes long, so it is not looked at together with others.' }),
    })
    .optional()
    .meta({ description: 'The last look at the source.' }),
  nextSyncAt: time('When the source is looked at next.').optional(),
  lastHandledSyncRequest: text('The value of granary.dev/sync-requested-at that was handled last.', 256).optional(),
  adoption: z
    .object({
      before: count('Only versions below this number are still to come.').optional(),
      versions: count('How many were taken over.').optional(),
      done: z.boolean().optional().meta({ description: 'Whether the store is free, or all were taken over.' }),
      attempt: count('Which attempt runs, or comes next.').optional(),
      failures: count('How many failed in a row.').optional(),
      nextRetryAt: time('When it is tried again.').optional(),
      generation: count('metadata.generation of the Dataset at the last failure.').optional(),
      lastFailure: failure.optional(),
    })
    .optional()
    .meta({ description: 'What was found in the store before the first version, and how far it is taken over.' }),
  tombstones: mapOf(
    z.object({
      version: versionNumber('The number.'),
      sequence: count('The number.'),
      name: objectName('Its DatasetVersion, while there is one.').optional(),
      reason: z.enum(['Deleted', 'Retention']).meta({ description: 'Who let it go: a person, or spec.retention.' }),
      at: time('When.'),
      until: time('It can be restored until then.'),
      stored: z.boolean().optional().meta({ description: 'Whether the store has the tombstone.' }),
    }),
    ['version'],
    1000,
    'Versions that go, and can be restored.',
  ).optional(),
  restored: mapOf(
    z.object({
      version: versionNumber('The number.'),
      name: objectName('Its DatasetVersion, if that stayed.').optional(),
      at: time('When.'),
    }),
    ['version'],
    100,
    'Versions that came back.',
  ).optional(),
  lastHandledRestore: text('The value of granary.dev/restore that was handled last.', 256).optional(),
  lastSweep: z
    .object({
      attempt: count('Which run this is; its mover is named after it.').optional(),
      failures: count('How many failed in a row.').optional(),
      startedAt: time('When it began.').optional(),
      finishedAt: time('When it ended.').optional(),
      nextRetryAt: time('When it is tried again.').optional(),
      result: text('Done, Deleted, or the reason of a failure.', 64).optional(),
      request: text('The value of granary.dev/sweep-requested-at that was handled last.', 256).optional(),
      dryRun: z.boolean().optional().meta({ description: 'Nothing was removed: the figures say what would be.' }),
      everything: z.boolean().optional().meta({ description: 'The Dataset goes with all of its bytes.' }),
      all: z.boolean().optional().meta({ description: 'Whether every version was looked at.' }),
      quiet: z
        .boolean()
        .optional()
        .meta({ description: 'Whether no mover writes meanwhile; movers wait until it is over.' }),
      tags: text('Digest of the tags as they were written to the store.', 64).optional(),
      tombstoned: count('Versions that got a tombstone.').optional(),
      objects: count('Objects that were removed.').optional(),
      bytes: count('Their bytes.').optional(),
      more: z.boolean().optional().meta({ description: 'There was more than one run may remove.' }),
    })
    .optional()
    .meta({ description: 'The last time that the store was cleaned up.' }),
  volumes: mapOf(
    z.object({
      name: objectName('Name of the claim.'),
      version: versionNumber('The version on it.'),
      phase: text('Filling, Ready, Waiting or Failed.', 32).optional(),
      message: text('What it waits for.', 1024).optional(),
      lastUsedAt: time('When a pod used it last.').optional(),
    }),
    ['name'],
    200,
    'Claims that spec.volume keeps ready.',
  ).optional(),
  conditions: conditions.optional(),
})
export type DatasetStatus = Omit<z.output<typeof DatasetStatus>, 'conditions'> & { conditions?: Condition[] }

/** The spec is what the API server stored: parse it with `parseSpec(DatasetSpec, dataset)` before trusting it. */
export interface Dataset extends KubeObject {
  spec: DatasetSpec
  status?: DatasetStatus
}
