import { info, type Reason, terminal, wait } from './reason.ts'

/** Of versions that are being written, committed, mirrored and removed. */
export const versionReasons = {
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
