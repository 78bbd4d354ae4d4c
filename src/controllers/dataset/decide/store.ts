import { type Resolution, type ResolvedLocation, resolveLocation, storedAt } from '../../../desired/location.ts'
import type { World } from '../world.ts'
import { type Step, say, tell, unsay } from './draft.ts'

/** Where versions lie below a store that says nothing else. */
const defaultPrefix = 'granary/'

type StoreStatus = NonNullable<NonNullable<World['dataset']['status']>['store']>

/** The store that the spec, the namespace or the operator's config names; undefined if none does. */
const wantedStore = (world: World): Resolution | undefined => {
  const { spec, providers, config } = world
  const named = spec.store
  if (named) return resolveLocation({ ...named, prefix: named.prefix ?? defaultPrefix }, providers)
  const byDefault = providers
    .filter((provider) => provider.spec.default && !provider.metadata.deletionTimestamp)
    .sort((a, b) => (a.metadata.creationTimestamp ?? '').localeCompare(b.metadata.creationTimestamp ?? ''))[0]
  if (byDefault) return resolveLocation({ provider: byDefault.metadata.name, prefix: defaultPrefix }, providers)
  if (!config.defaultStore) return undefined
  return resolveLocation({ ...config.defaultStore, prefix: config.defaultStore.prefix ?? defaultPrefix }, providers)
}

/** Where this Dataset's versions are: the store with the Dataset's own directory as prefix. */
export const storeOf = (world: World): Resolution | undefined => {
  const { name, namespace = '' } = world.dataset.metadata
  const resolution = wantedStore(world)
  return resolution && 'location' in resolution
    ? { location: storedAt(resolution.location, namespace, name) }
    : resolution
}

const statusOf = ({ s3, gcs, prefix, provider }: ResolvedLocation): StoreStatus => ({
  ...(provider === undefined ? {} : { provider }),
  kind: gcs ? 'gcs' : 's3',
  bucket: s3?.bucket ?? gcs?.bucket ?? '',
  ...(s3?.region === undefined ? {} : { region: s3.region }),
  ...(s3?.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
  ...(gcs?.endpoint === undefined ? {} : { endpoint: gcs.endpoint }),
  ...(s3?.forcePathStyle === undefined ? {} : { forcePathStyle: s3.forcePathStyle }),
  prefix,
})

/** Kind, bucket and prefix are what a store is; its address and credentials may change. */
const isSame = (a: StoreStatus, b: StoreStatus): boolean =>
  a.kind === b.kind && a.bucket === b.bucket && a.prefix === b.prefix

const describe = ({ kind, bucket, prefix }: StoreStatus): string =>
  `${kind === 'gcs' ? 'gs' : kind}://${bucket}/${prefix}`

/** Resolves the store, and keeps to it once a number was given. */
export const resolveStore: Step = (world, draft) => {
  const resolution = storeOf(world)
  if (!resolution) {
    draft.stalled = {
      reason: 'NoStore',
      message:
        "Nothing says where versions are kept: write spec.store, make a StorageProvider with default: true in this namespace, or set the operator's --default-store.",
    }
    return 'stop'
  }
  if (!('location' in resolution)) {
    draft.stalled = { reason: resolution.reason, message: `spec.store: ${resolution.message}` }
    return 'stop'
  }
  const wanted = statusOf(resolution.location)
  const before = draft.status.store
  if (before && !isSame(before, wanted) && (draft.status.nextSequence ?? 1) > 1) {
    const message = `Versions of this Dataset are in ${describe(before)}, but its store is now ${describe(wanted)}: point it back, nothing is written until then.`
    draft.stalled = { reason: 'StoreMoved', message }
    say(world, draft, { type: 'StoreReachable', status: 'False', reason: 'StoreMoved', message })
    return 'stop'
  }
  if (before && !isSame(before, wanted)) {
    draft.status.adoption = undefined
    unsay(draft, 'StoreReachable')
    tell(world, draft, { type: 'Normal', reason: 'StoreChanged', message: `Versions will be in ${describe(wanted)}.` })
  }
  draft.status.store = wanted
  return undefined
}
