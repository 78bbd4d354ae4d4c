import { info, type Reason, terminal, wait } from './reason.ts'

/** Of volumes and movers. */
export const volumeReasons = {
  InsufficientSpace: terminal(
    'Ready',
    'The volume is too small for the data.',
    'Ask for as much as the message says: resources.requests.storage of the claim, or spec.volume.size.',
  ),
  StoreFull: wait(
    'Ready',
    'The store has no room for more bytes, or its quota is used up.',
    'Make room in the bucket or on the volume that the message names, or raise its quota; Granary tries again by itself.',
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
  SingleNodeOnly: wait(
    'Event',
    'One node, or one at a time, can use this volume; a pod that is to run on another one waits.',
    'Use one claim per pod (a generic ephemeral volume with the same dataSourceRef), or a claim with ReadWriteMany or ReadOnlyMany of a storage class whose volumes all nodes can use.',
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
} as const satisfies Record<string, Reason>
