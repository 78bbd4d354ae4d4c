import { type ConditionUpdate, findCondition, removeCondition, setCondition } from '../../api/conditions.ts'
import * as kinds from '../../api/kinds.ts'
import { finalizers } from '../../api/names.ts'
import type { StorageProvider, StorageProviderStatus } from '../../api/storage-provider.ts'
import { directoryPrefix } from '../../desired/location.ts'
import type { JsonPatchOp, Plan } from '../../kube/types.ts'
import { sameJson, withoutNothing } from '../../lib/equal.ts'
import { type Outcome, probe } from './decide/probe.ts'
import type { World } from './world.ts'

/** Names of the Datasets that read from it, or keep versions in it. */
export const usersOf = ({ provider, datasets }: Pick<World, 'provider' | 'datasets'>): string[] =>
  datasets
    .filter(({ spec, status }) =>
      [spec?.source?.provider, spec?.store?.provider, spec?.writeBack?.provider, status?.store?.provider].includes(
        provider.metadata.name,
      ),
    )
    .map((dataset) => dataset.metadata.name)
    .sort()

/** The finalizer, while a Dataset uses it. A plan of its own. */
const keepWhileUsed = (world: World, users: string[]): Plan | undefined => {
  const {
    name,
    namespace = '',
    uid = '',
    resourceVersion,
    deletionTimestamp,
    finalizers: there = [],
  } = world.provider.metadata
  const index = there.indexOf(finalizers.provider)
  const needed = users.length > 0
  if (needed === index >= 0 || (needed && deletionTimestamp !== undefined)) return undefined
  const path = `/metadata/finalizers/${index}`
  const change: JsonPatchOp[] = !needed
    ? [
        { op: 'test', path, value: finalizers.provider },
        { op: 'remove', path },
      ]
    : there.length === 0
      ? [{ op: 'add', path: '/metadata/finalizers', value: [finalizers.provider] }]
      : [{ op: 'add', path: '/metadata/finalizers/-', value: finalizers.provider }]
  const ops: JsonPatchOp[] = [{ op: 'test', path: '/metadata/resourceVersion', value: resourceVersion }, ...change]
  return {
    patch: [{ ref: { kind: kinds.StorageProvider, namespace, name, uid }, ops }],
    ...(needed ? {} : { live: true }),
  }
}

const age = ({ metadata }: StorageProvider): string => `${metadata.creationTimestamp ?? ''} ${metadata.name}`

/** The default that was there before this one. */
const earlierDefault = ({ provider, providers, spec }: World): string | undefined =>
  spec?.default
    ? providers
        .filter((other) => other.spec.default && !other.metadata.deletionTimestamp && age(other) < age(provider))
        .sort((a, b) => (age(a) < age(b) ? -1 : 1))[0]?.metadata.name
    : undefined

type Why = Pick<ConditionUpdate, 'reason' | 'message'>

/** What only the user can mend. */
const stalled = (world: World): Why | undefined => {
  if (world.problem !== undefined) return { reason: 'InvalidSpec', message: world.problem }
  const earlier = earlierDefault(world)
  return earlier === undefined
    ? undefined
    : {
        reason: 'DuplicateDefault',
        message: `StorageProvider "${earlier}" is the default of this namespace: set default: false on one of the two.`,
      }
}

const leaving = (users: string[]): Why => ({
  reason: 'InUse',
  message: `Is being deleted, and waits for the Datasets that use it: ${users.slice(0, 10).join(', ')}.`,
})

/** Ready, and Reconciling or Stalled while it is not. */
const summary = (
  world: World,
  users: string[],
  stall: Why | undefined,
  outcome: Outcome | undefined,
): ConditionUpdate[] => {
  if (stall)
    return [
      { type: 'Ready', status: 'False', ...stall },
      { type: 'Stalled', status: 'True', ...stall },
    ]
  const why = world.provider.metadata.deletionTimestamp ? leaving(users) : outcome?.notReady
  if (!why) return [{ type: 'Ready', status: 'True', reason: 'Ready', message: 'The store answers.' }]
  return [
    { type: 'Ready', status: 'False', ...why },
    { type: 'Reconciling', status: 'True', ...why },
  ]
}

const describe = ({ s3, gcs, claim, prefix = '' }: NonNullable<World['spec']>): string | undefined => {
  if (claim) return `claim ${claim.name}/${directoryPrefix(claim.path)}${prefix}`
  if (s3) return `s3://${s3.bucket}/${prefix}`
  return gcs ? `gs://${gcs.bucket}/${prefix}` : undefined
}

const conditionsOf = (world: World, updates: ConditionUpdate[]): StorageProviderStatus['conditions'] => {
  const { generation } = world.provider.metadata
  const said = new Set(updates.map((update) => update.type))
  const gone = ['Reconciling', 'Stalled'].filter((type) => !said.has(type))
  const kept = gone.reduce(removeCondition, world.provider.status?.conditions ?? [])
  return updates.reduce(
    (list, update) =>
      setCondition(list, generation === undefined ? update : { ...update, observedGeneration: generation }, world.now),
    kept,
  )
}

/** The plan for one StorageProvider. */
export const decide = (world: World): Plan => {
  const users = usersOf(world)
  const first = keepWhileUsed(world, users)
  if (first) return first
  const { provider } = world
  const stall = stalled(world)
  const outcome = stall && stall.reason !== 'DuplicateDefault' ? undefined : probe(world)
  const conditions = conditionsOf(world, [...(outcome?.conditions ?? []), ...summary(world, users, stall, outcome)])
  const status: StorageProviderStatus = {
    ...provider.status,
    ...outcome?.status,
    observedGeneration: provider.metadata.generation,
    location: world.spec && describe(world.spec),
    users: users.length,
    conditions: conditions ?? [],
  }
  const { name, namespace = '', uid = '', resourceVersion = '' } = provider.metadata
  const object = {
    apiVersion: provider.apiVersion,
    kind: provider.kind,
    metadata: { name, namespace, uid, resourceVersion },
  }
  const before = findCondition(provider.status?.conditions, 'Ready')
  const ready = findCondition(conditions, 'Ready')
  const news = ready && ready.status === 'False' && before?.reason !== ready.reason && ready.reason !== 'Probing'
  return withoutNothing({
    ...outcome?.plan,
    status: sameJson(status, provider.status) ? [] : [{ object, status: withoutNothing(status) }],
    events: news ? [{ regarding: provider, type: 'Warning', reason: ready.reason, message: ready.message }] : [],
  }) as Plan
}
