import { randomUUID } from 'node:crypto'
import type { Dataset } from '../api/dataset.ts'
import * as kinds from '../api/kinds.ts'
import type { KubeObject } from '../api/meta.ts'
import type { MoveSpec } from '../api/move.ts'
import type { MoveDone, MoveFailureReason } from '../api/move-result.ts'
import { type AttemptInput, attempt, needsEvents } from '../desired/attempt.ts'
import { ownerReferences } from '../desired/labels.ts'
import { type MoverAccess, moverAccess, type ProviderObject } from '../desired/location.ts'
import { moverJob } from '../desired/mover-job.ts'
import type { EventObject, JobObject, PodObject } from '../desired/objects.ts'
import { resolveStore } from '../desired/store.ts'
import { isApiError } from '../kube/api-error.ts'
import { MoveFailure } from '../mover/failure.ts'
import type { Context, Flags } from './command.ts'
import { CommandError, exit, explain } from './exit.ts'
import { poll } from './wait.ts'

/** Where the operator is, whose image the movers have. */
const operator = { namespace: 'granary-system', name: 'granary' }
const resources = { requests: { cpu: '100m', memory: '256Mi' }, limits: { memory: '1Gi' } }
/** Unless `--timeout` says another, ms. */
const patience = 600_000
/** More lines than any mover writes here. */
const allLines = 10_000_000

type Ask = Extract<MoveSpec, { op: 'Show' | 'Sweep' }>
type Answer<Op extends Ask['op']> = Extract<MoveDone, { op: Op }>

/** The store of a Dataset as a mover in its namespace gets it: with the keys that its StorageProvider names, which are not read here. */
export const storeAccess = async (context: Context, dataset: Dataset, name = 'store'): Promise<MoverAccess> => {
  const { metadata, spec, status } = dataset
  const { namespace = '' } = metadata
  const { items } = await context.client.list<ProviderObject>(kinds.StorageProvider, {
    namespace,
    signal: context.signal,
  })
  const found = resolveStore({
    namespace,
    name: metadata.name,
    store: spec?.store,
    providers: items,
    defaultStore: undefined,
  })
  if ('location' in found) {
    const access = moverAccess(name, found.location)
    const { mount } = access
    return mount !== undefined && 'claimName' in mount ? { ...access, mount: { ...mount, readOnly: true } } : access
  }
  const at = status?.store
  if (found.reason !== 'NoStore' || at === undefined || at.kind === 'claim')
    throw new CommandError(exit.conflict, found.message)
  // The operator's default store: the pod's own identity leads there.
  const { bucket, region, endpoint, forcePathStyle, prefix } = at
  const address = endpoint === undefined ? {} : { endpoint }
  const s3 = {
    bucket,
    ...address,
    ...(region === undefined ? {} : { region }),
    ...(forcePathStyle === undefined ? {} : { forcePathStyle }),
  }
  return moverAccess(name, { ...(at.kind === 's3' ? { s3 } : { gcs: { bucket, ...address } }), prefix })
}

const imageOf = async ({ client, signal }: Context): Promise<string> => {
  interface Deployment extends KubeObject {
    spec?: { template?: { spec?: { containers?: { image?: string }[] } } }
  }
  const where = `Deployment ${operator.namespace}/${operator.name}`
  try {
    const { spec } = await client.get<Deployment>({ kind: kinds.Deployment, ...operator }, { signal })
    const image = spec?.template?.spec?.containers?.[0]?.image
    if (image !== undefined) return image
  } catch (error) {
    if (!isApiError(error, (e) => e.isNotFound || e.isForbidden)) throw error
    const why = `the pod that reads the store has the operator's image, and ${where} can not be looked at`
    throw new CommandError(exit.notAllowed, `${why}: ${explain(error).message}`, { cause: error })
  }
  throw new CommandError(exit.conflict, `${where} names no image`)
}

const jobFor = async (context: Context, dataset: Dataset, spec: Ask, locations: MoverAccess[]) => {
  const { namespace = '', name } = dataset.metadata
  const uid = randomUUID()
  const job = moverJob({
    spec,
    attempt: 1,
    namespace,
    // No object of that uid: whoever follows the movers of the Dataset does not take this one for its own.
    owner: { ...dataset, metadata: { name, namespace, uid } },
    dataset: name,
    locations,
    settings: { resources, ...dataset.spec?.mover },
    config: { moverImage: await imageOf(context), moverResources: resources },
  })
  return { uid, job: { ...job, metadata: { ...job.metadata, ownerReferences: ownerReferences(dataset, namespace) } } }
}

const lookAt = async (context: Context, op: Ask['op'], uid: string, made: KubeObject): Promise<AttemptInput> => {
  const { client, signal } = context
  const { namespace = '', name } = made.metadata
  const labelSelector = `granary.dev/owner-uid=${uid}`
  const [job, pods] = await Promise.all([
    client.get<JobObject>({ kind: kinds.Job, namespace, name }, { signal }),
    client.list<PodObject>(kinds.Pod, { namespace, labelSelector, signal }),
  ])
  const input = { op, ownerUid: uid, attempt: 1, jobs: [job], pods: pods.items, now: context.now() }
  const overdue = needsEvents(input)
  if (overdue === undefined) return input
  const events = await client.list<EventObject>(kinds.Event, { namespace, signal })
  return { ...input, events: events.items.filter((one) => one.involvedObject?.uid === overdue.metadata.uid) }
}

const follow = async <Op extends Ask['op']>(context: Context, op: Op, uid: string, job: KubeObject) =>
  poll({ ...context, wait: context.wait ?? patience }, async () => {
    const input = await lookAt(context, op, uid, job)
    const now = attempt(input)
    if (now.state === 'done') return { result: { result: now.result as Answer<Op>, pod: input.pods[0] } }
    if (now.state === 'failed') {
      if (now.reason === 'MoverFailed' || now.reason === 'NodeLost') throw new CommandError(exit.failed, now.message)
      throw new MoveFailure(now.reason as MoveFailureReason, now.message)
    }
    const place = `a mover in namespace ${job.metadata.namespace}`
    if (now.state === 'waiting') return { waiting: `${place}: ${now.message}` }
    return { waiting: now.state === 'running' ? `${place} reads the store` : `${place} is starting` }
  })

const parse = (line: string): Record<string, unknown>[] => {
  try {
    return line.startsWith('{') ? [JSON.parse(line) as Record<string, unknown>] : []
  } catch {
    return []
  }
}

/**
 * Has a mover in the Dataset's namespace do something that needs its store, and waits for it: what it logged, and what it ended with. It is made with the
 * person's own rights, waits for its turn as the operator's movers do, and goes when it has answered.
 */
export const askMover = async <Op extends Ask['op']>(
  context: Context,
  dataset: Dataset,
  spec: Ask & { op: Op },
  locations: MoverAccess[],
): Promise<{ lines: Record<string, unknown>[]; result: Answer<Op> }> => {
  const { client, signal } = context
  const { uid, job } = await jobFor(context, dataset, spec, locations)
  const made = await client.create(job, { fieldManager: 'granary-cli', signal })
  const { namespace = '', name, uid: jobUid = '' } = made.metadata
  try {
    const { result, pod } = await follow<Op>(context, spec.op as Op, uid, made)
    const text = await client.logs(namespace, pod?.metadata.name ?? '', allLines, { signal })
    return { result, lines: text.split('\n').flatMap(parse) }
  } finally {
    // Not stopped with the command itself: nobody else would remove it.
    await client.delete({ kind: kinds.Job, namespace, name, uid: jobUid }).catch((error) => {
      context.note(`Job ${namespace}/${name} could not be deleted: ${explain(error).message}`)
    })
  }
}

/** Reads the store with the person's own keys; where those don't lead to it, or `--in-cluster` says so, has a mover do it. */
export const ownOrMover = async (
  context: Context,
  flags: Flags,
  own: (context: Context) => Promise<void>,
  mover: () => Promise<void>,
): Promise<void> => {
  if (flags['in-cluster'] === true) return mover()
  let said = false
  const watched: Context = {
    ...context,
    write: (bytes) => {
      said = true
      return context.write(bytes)
    },
  }
  try {
    await own(watched)
  } catch (error) {
    const { code, message } = explain(error)
    if (said || (code !== exit.notAllowed && code !== exit.unreachable)) throw error
    context.note(`${message}; a pod in the cluster reads it instead`)
    await mover()
  }
}
