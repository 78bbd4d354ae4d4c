/**
 * The one table of reasons. `terminal`: a person must change something, nothing is retried until then. `wait`: Granary looks again by itself, with
 * backoff. `info`: nothing is wrong. docs/reasons.md is made from it.
 */
export interface Reason {
  kind: 'terminal' | 'wait' | 'info'
  /** The condition that carries it, or `Event` where it is said as an event or an annotation on somebody else's object. */
  condition: string
  meaning: string
  /** What a person does about it. */
  remedy: string
}

const terminal = (condition: string, meaning: string, remedy: string): Reason => ({
  kind: 'terminal',
  condition,
  meaning,
  remedy,
})
const wait = (condition: string, meaning: string, remedy: string): Reason => ({
  kind: 'wait',
  condition,
  meaning,
  remedy,
})
const info = (condition: string, meaning: string, remedy = 'Nothing.'): Reason => ({
  kind: 'info',
  condition,
  meaning,
  remedy,
})

const mendCredentials =
  'Create or mend the Secret that spec.….credentials.secretName names; Granary tries again by itself, at once on a new granary.dev/sync-requested-at.'

export const reasons = {
  // All is well, or under way.
  Ready: info('Ready', 'Everything that the spec asks for is there.'),
  Reconciling: info('Reconciling', 'Work on the last change of the spec is under way.'),
  Pending: info('Ready', 'Work has not begun.'),
  Initializing: info('Initialized', 'The working volume is being made and filled, or the source is being read.'),
  Running: info('Finalized', 'The volume is ready; a writer may use it or does.'),
  Finalizing: info('Finalized', 'The writer is gone; its files are being uploaded and verified.'),
  Committed: info('Committed', 'The version is in the store for good.'),
  Reachable: info('SourceReachable', 'The last look at the location succeeded.'),
  Importing: info('Reconciling', 'The source is being read into a new version.'),
  Scanning: info('Reconciling', 'The source is being listed.'),
  Probing: info('Reconciling', 'The store is being asked what it can do.'),
  Adopting: info('Reconciling', 'The versions in the store are being taken over.'),
  Populating: info('Event', 'A volume is being filled.'),
  Populated: info('Event', 'The volume is filled and verified, and the claim has it.'),
  Moving: info('Reconciling', 'A mover is at work.'),
  Checkpointed: info('Checkpointed', 'What was on the volume is saved, while its writer runs.'),
  Verifying: info('Verified', 'The version is being compared with its manifest.'),
  Verified: info('Verified', 'All that was compared is as the manifest says.'),
  Mirroring: info('Mirrored', 'The version is being written to the place that writeBack names.'),
  Mirrored: info('Mirrored', 'Every file of the version is at the place that writeBack names.'),
  Unchanged: info(
    'Committed',
    'The source has the content of the latest version, so there is no new version; the number stays a gap.',
  ),
  Suspended: info('SourceReachable', 'spec.sync.suspend is true; the source is not looked at.', 'Set it to false.'),
  NoSource: info('SourceReachable', 'The Dataset has no source: versions come from workloads.'),
  NoVersion: wait(
    'Ready',
    'There is no committed version yet.',
    'Wait, or see the condition SourceReachable and the DatasetVersions of the Dataset.',
  ),
  VersionOnItsWay: wait(
    'Event',
    'The version that is asked for is open but not committed yet.',
    'Wait; kubectl get dsv shows its phase.',
  ),
  VersionNotFound: wait(
    'Event',
    'No version has this number, tag or digest.',
    'Name one that kubectl get dsv shows, or wait until it is made.',
  ),
  DatasetNotFound: wait('Ready', 'There is no Dataset of this name in the namespace.', 'Apply it, or mend the name.'),
  ProviderNotFound: wait(
    'Ready',
    'There is no StorageProvider of this name in the namespace.',
    'Apply it, or mend the name.',
  ),
  WaitingForConsumer: info(
    'Event',
    'The storage class waits for a pod that mounts the claim.',
    'Create the pod, or annotate the claim with granary.dev/bind: Immediate.',
  ),
  ClaimNotFound: wait(
    'Initialized',
    'The claim that this version is written through does not exist.',
    'Create the claim again, or abandon the version.',
  ),
  VolumePending: wait(
    'Initialized',
    'The volume is not there yet.',
    'Look at the events of the claim that the message names.',
  ),
  FillsLimited: wait(
    'Event',
    'As many volumes as allowedNamespaces.maxFills allows are being filled for other namespaces.',
    'Wait, or ask the owner of the Dataset to raise it.',
  ),
  SwapPending: wait(
    'Event',
    'The filled volume has not reached its claim yet.',
    'Look at the claim and the PersistentVolume that the message names.',
  ),
  MoverStarting: wait(
    'Reconciling',
    'The pod of the mover has not started.',
    'Look at the events of the Job that the message names, if it stays so.',
  ),
  MoverUnschedulable: wait(
    'Reconciling',
    'No node takes the pod of the mover.',
    'Free resources, or set spec.mover.resources, nodeSelector or tolerations.',
  ),
  ImagePullFailed: wait(
    'Reconciling',
    'The image of the mover cannot be pulled.',
    'Mend --mover-image of the operator, or spec.mover.imagePullSecrets.',
  ),
  MoverFailed: wait(
    'Reconciling',
    'The mover ended in a way that says nothing; it runs again.',
    'Read the log of the Job that the message names, if it stays so.',
  ),
  Retrying: wait('Reconciling', 'An attempt failed; the next one is at status.nextRetryAt.', 'See the message.'),

  // Specs.
  InvalidSpec: terminal(
    'Ready',
    'The spec is not one that Granary understands.',
    'Change the field that the message names.',
  ),
  Unsupported: terminal(
    'Ready',
    'The spec asks for something that this version of Granary does not do yet.',
    'Remove the field that the message names, or use what the message offers.',
  ),
  DuplicateDefault: terminal(
    'Ready',
    'Another StorageProvider of the namespace is the default already.',
    'Set spec.default: false on one of the two.',
  ),
  InUse: info(
    'InUse',
    'Something uses it; it is not removed until then.',
    'Remove what the message names, if it is to go.',
  ),

  // Stores.
  NoStore: terminal(
    'Ready',
    'The Dataset names no store, and there is no default.',
    'Set spec.store.provider, or mark a StorageProvider of the namespace with default: true, or start the operator with --default-store.',
  ),
  StoreChanged: info(
    'Event',
    'There is no version yet, so the store follows the spec; versions will be where the message says.',
  ),
  StoreMoved: terminal(
    'StoreReachable',
    'What spec.store resolves to now is another place than the one that holds the versions; nothing is written.',
    'Put spec.store or the default StorageProvider back; status.store says where the versions are.',
  ),
  StoreOccupied: terminal(
    'StoreReachable',
    'Something that is not a Dataset lies where the store would be.',
    'Choose another spec.store.prefix.',
  ),
  AdoptionRequired: terminal(
    'StoreReachable',
    'The store holds versions of an earlier Dataset of this namespace and name.',
    'Set spec.adopt: true to take them over with their numbers, or choose another spec.store.prefix.',
  ),
  Adopted: info('StoreReachable', 'The versions that were in the store are taken over.'),
  WeakCommitGuard: info(
    'WeakCommitGuard',
    'The store cannot create an object only if it is not there: versions are safe as long as one cluster alone writes.',
    'Use a store with conditional writes, if several clusters share it.',
  ),
  StrongCommitGuard: info('WeakCommitGuard', 'The store can create an object only if it is not there.'),

  // Reading.
  SourceNotFound: wait(
    'SourceReachable',
    'The bucket, claim, directory or ConfigMap does not exist, or these credentials cannot see it.',
    'Mend spec.source, or create what it names.',
  ),
  SourceEmpty: wait(
    'SourceReachable',
    'There is no object under the prefix.',
    'Mend spec.source.prefix, upload the data, or set spec.source.allowEmpty: true.',
  ),
  HostPathNotAllowed: terminal(
    'Ready',
    "The operator's config does not allow directories of the nodes under this path.",
    'Choose another source, or have the operator started with --allow-host-path naming a prefix of it.',
  ),
  Mounted: info('Ready', 'The share is there as a read-only claim; nothing is copied, and there are no versions.'),
  SourceDrifted: wait(
    'SourceReachable',
    'An object changed or went while it was read, or since it was imported.',
    'The import is repeated by itself. For a version that was imported earlier: restore the object, use a bucket that keeps versions, or spec.import: Copy.',
  ),
  InvalidKeys: terminal(
    'SourceReachable',
    'Keys of the source cannot be files of a volume; the message names the first five.',
    'Rename these objects, or leave them out by spec.source.exclude.',
  ),
  CredentialsMissing: wait('SourceReachable', 'There are no credentials where the spec says.', mendCredentials),
  CredentialsDenied: wait(
    'SourceReachable',
    'The server refuses these credentials, or they do not allow this operation.',
    mendCredentials,
  ),
  ConflictingIdentity: terminal(
    'Ready',
    'Source and store ask for two different ServiceAccounts; a mover pod has one.',
    'Use the same serviceAccountName for both, or a Secret for one of them.',
  ),
  Unreachable: wait(
    'SourceReachable',
    'The server does not answer, or answers with errors.',
    'Look at the endpoint and at network policies; Granary tries again by itself.',
  ),
  Corrupt: terminal(
    'Ready',
    'Bytes are not what their digest says; no volume is handed out.',
    'Restore the object that the message names, from a copy or an old object version.',
  ),

  VolumeDamaged: terminal(
    'Degraded',
    'A volume that was filled with the version holds other bytes now; the store is not concerned.',
    'Delete the claim that the message names: it is filled anew. Look at the disk below it.',
  ),

  // Volumes.
  InsufficientSpace: terminal(
    'Ready',
    'The volume is too small for the data.',
    'Ask for as much as the message says: resources.requests.storage of the claim, or spec.volume.size.',
  ),
  MoversLimited: wait(
    'Ready',
    'As many movers run as the operator allows at once, in the cluster or in the namespace.',
    "Wait for its turn, or raise the operator's --max-movers or --max-movers-per-namespace.",
  ),
  QuotaExceeded: wait(
    'Ready',
    "A ResourceQuota refuses an object that Granary needs; the message is the API server's.",
    'Raise the quota, or set spec.mover.resources.',
  ),
  PodRefused: wait(
    'Ready',
    "Admission refuses the mover's pod; the message is the API server's.",
    'Mend the policy that the message names, or spec.mover.securityContext.',
  ),
  SnapshotUnusable: wait(
    'Event',
    'A snapshot of the version could not be made or used; the volume is made in another way.',
    'See the message, and the events of the VolumeSnapshot that it names.',
  ),
  AccessModeUnsupported: terminal(
    'Event',
    'The driver cannot make a volume with these access modes.',
    'Ask for another access mode, or another storage class.',
  ),
  SingleNodeOnly: info(
    'Event',
    'One node at a time can use this volume; pods on other nodes wait.',
    'Use a storage class with ReadWriteMany or ReadOnlyMany, or one claim per pod.',
  ),
  ExpiresSoon: info(
    'Expiring',
    'The version was released and is not committed; its bytes go within a day.',
    'Set spec.committed: true to keep it, or let it go.',
  ),
  NameTaken: terminal(
    'Ready',
    'An object of the name that Granary needs exists and is not its own.',
    'Rename or delete the object that the message names.',
  ),
  NotTheClaim: terminal(
    'Event',
    'The claim was replaced by another of the same name.',
    'Nothing; the new claim is looked at by itself.',
  ),
  ClassNotFound: wait(
    'Event',
    'The claim names a storage class that does not exist, or none where there is no default.',
    'Create the class, or name another one in the claim.',
  ),
  AccessDenied: terminal(
    'Event',
    'The allowedNamespaces of a Dataset in another namespace does not name this one, or there is no such Dataset: which of both is not said.',
    'Ask the owner of the Dataset to add the namespace.',
  ),

  // Committing.
  UnreadableFiles: terminal(
    'Finalized',
    'The mover, which runs as the writer did, cannot read some files; the message names the first.',
    'Write as another user than root or with a umask that lets the group read; for root, annotate the namespace with granary.dev/privileged-movers: "true".',
  ),
  WritersActive: wait(
    'Finalized',
    'Files changed while they were uploaded.',
    'Stop what writes to the volume; the upload is repeated by itself.',
  ),
  PartConflict: terminal(
    'Finalized',
    'Two parallel writers left the same path with other bytes.',
    'Let each write to paths of its own, or use granary.dev/parts: Separate.',
  ),
  EmptyOutput: terminal(
    'Finalized',
    'The writer succeeded but left no file.',
    'Write the output to the mounted path, or allow it: spec.outputs.allowEmpty: true on the Dataset.',
  ),
  OwnerDeleted: terminal(
    'Committed',
    'The writer was deleted while it ran; its bytes are kept.',
    'Commit them with spec.committed: true, or drop them with the annotation granary.dev/abandon: <uid>.',
  ),
  ProducerFailed: terminal(
    'Committed',
    'The writer failed; its bytes are kept.',
    'Commit them with spec.committed: true, or drop them with the annotation granary.dev/abandon: <uid>.',
  ),
  ProducerUnknown: terminal(
    'Committed',
    'Nobody saw how the writer ended; its bytes are kept.',
    'Commit them with spec.committed: true, or drop them with the annotation granary.dev/abandon: <uid>.',
  ),
  AwaitingCommit: wait(
    'Committed',
    'spec.commit is Manual.',
    'Set spec.committed: true to commit, or annotate granary.dev/abandon: <uid>.',
  ),
  Abandoned: info('Committed', 'A person dropped the bytes of this version.'),
  Superseded: terminal(
    'Committed',
    'The volume that held this version was written to again, for a later version.',
    'Commit the later version, or drop this one with the annotation granary.dev/abandon: <uid>.',
  ),
  ParentMoved: terminal(
    'Committed',
    'The latest version is another one than spec.expectedParent.',
    'Look at the difference; make a new version that expects the present one.',
  ),
  BaseGone: wait(
    'Finalized',
    'A version whose stored bytes this one refers to is being deleted.',
    'Nothing; the bytes are uploaded again.',
  ),
  CommitConflict: terminal(
    'Committed',
    'Another version has this number in the store already.',
    'Two clusters write to the same store: give one another spec.store.prefix.',
  ),
  NodeLost: wait(
    'Finalized',
    'The node that holds the volume is gone.',
    'Bring the node back; the bytes are on its volume.',
  ),
  NamespaceTerminating: wait(
    'Finalized',
    'The namespace is being deleted; the bytes are kept on a rescue claim.',
    'List and adopt it from the namespace granary-rescue.',
  ),
  Rescued: info('Finalized', 'The claim was deleted; its bytes are on a rescue claim and are committed from there.'),
  Deleting: info(
    'Ready',
    'It is not in use any more; its bytes go when the grace is over.',
    'To bring it back: granary restore.',
  ),
  Expired: info(
    'Ready',
    'spec.retention of the Dataset let it go, or somebody deleted it; its bytes go when the grace is over.',
    'To bring it back before that: annotate the Dataset with granary.dev/restore: v<N>.',
  ),
  Restored: info('Event', 'A version that was on its way out is back.'),
  RestoreFailed: terminal(
    'Event',
    'The version that granary.dev/restore names is not in the store any more, or never was.',
    'See status.tombstones of the Dataset for what can be restored.',
  ),
  Sweeping: wait(
    'Reconciling',
    'The store of the Dataset is being cleaned up; movers wait for some seconds.',
    'Wait; it goes on by itself.',
  ),
  SweepFailed: wait('Event', 'The store could not be cleaned up.', 'See the message; it is tried again by itself.'),
  Swept: info('Event', 'Bytes that nothing refers to were removed from the store.'),
  BytesKept: info(
    'Event',
    'The Dataset went, but its bytes could not be deleted and stay in the store.',
    'Delete them by hand, or make the Dataset again with spec.adopt: true and delete it when the store can be reached.',
  ),
  DeletionBlocked: wait(
    'DeletionBlocked',
    'Something still uses the version.',
    'Stop the pods that the message names.',
  ),

  // Mirrors and tags.
  WriteBackWouldOverwrite: terminal(
    'Mirrored',
    'writeBack into the source would destroy what versions point at.',
    'Set spec.import: Copy, or switch on versions in the bucket.',
  ),
  DestinationChanged: terminal(
    'Mirrored',
    'Somebody else changed objects where writeBack writes; they are left as they are.',
    'Move them away, or set spec.writeBack.onConflict: Overwrite.',
  ),
  TagTargetMissing: wait(
    'Ready',
    'A declared tag names a version that is not committed.',
    'Mend spec.tags, or wait for the version.',
  ),
  TagShadowed: info(
    'TagShadowed',
    'spec.tags of the Dataset holds a tag that this version asks for.',
    'Change spec.tags of the Dataset, if this version is to have it.',
  ),
} as const satisfies Record<string, Reason>

export type ReasonName = keyof typeof reasons

/** Whether anything would change without a person: unknown reasons are retried. */
export const isTerminal = (reason: string): boolean =>
  (reasons as Record<string, Reason | undefined>)[reason]?.kind === 'terminal'
