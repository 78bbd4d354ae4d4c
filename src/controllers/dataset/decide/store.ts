import { findCondition } from '../../../api/conditions.ts'
import { bucketOf, type ResolvedLocation, storeKind } from '../../../desired/location.ts'
import { resolveStore } from '../../../desired/store.ts'
import type { World } from '../world.ts'
import { type Step, say, tell, unsay } from './draft.ts'

type StoreStatus = NonNullable<NonNullable<World['dataset']['status']>['store']>

/** Where this Dataset's versions are: the store with the Dataset's own directory as prefix. */
export const storeOf = ({ dataset, spec, providers, config }: World): ReturnType<typeof resolveStore> =>
  resolveStore({
    namespace: dataset.metadata.namespace ?? '',
    name: dataset.metadata.name,
    store: spec.store,
    providers,
    defaultStore: config.defaultStore,
  })

export const statusOf = (location: ResolvedLocation): StoreStatus => {
  const { s3, gcs, prefix, provider } = location
  return {
    ...(provider === undefined ? {} : { provider }),
    kind: storeKind(location),
    bucket: bucketOf(location),
    ...(s3?.region === undefined ? {} : { region: s3.region }),
    ...(s3?.endpoint === undefined ? {} : { endpoint: s3.endpoint }),
    ...(gcs?.endpoint === undefined ? {} : { endpoint: gcs.endpoint }),
    ...(s3?.forcePathStyle === undefined ? {} : { forcePathStyle: s3.forcePathStyle }),
    prefix,
  }
}

/** Kind, bucket and prefix are what a store is; its address and credentials may change. */
export const isSame = (a: StoreStatus, b: StoreStatus): boolean =>
  a.kind === b.kind && a.bucket === b.bucket && a.prefix === b.prefix

const describe = ({ kind, bucket, prefix }: StoreStatus): string =>
  `${kind === 'gcs' ? 'gs' : kind}://${bucket}/${prefix}`

/** Resolves the store, and keeps to it once a number was given. */
export const settleStore: Step = (world, draft) => {
  const resolution = storeOf(world)
  if (!('location' in resolution)) {
    const message = world.spec.store ? `spec.store: ${resolution.message}` : resolution.message
    draft.stalled = { reason: resolution.reason, message }
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
  if (findCondition(draft.status.conditions, 'StoreReachable')?.reason === 'StoreMoved')
    say(world, draft, { type: 'StoreReachable', status: 'True', reason: 'Reachable', message: 'The store is back.' })
  draft.status.store = wanted
  return undefined
}
