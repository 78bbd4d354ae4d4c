import { info, type Reason, wait } from './reason.ts'

/** All is well, or under way. */
export const workReasons = {
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
} as const satisfies Record<string, Reason>
