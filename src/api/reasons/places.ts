import { info, type Reason, terminal, wait } from './reason.ts'

const mendCredentials =
  'Create or mend the Secret that spec.….credentials.secretName names; Granary tries again by itself, at once on a new granary.dev/sync-requested-at.'

/** Of specs, stores and sources. */
export const placeReasons = {
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
} as const satisfies Record<string, Reason>
