import type { DatasetVersion } from '../../api/dataset-version.ts'
import * as kinds from '../../api/kinds.ts'
import type { Kind, KubeObject } from '../../api/meta.ts'
import { annotations, finalizers, labels } from '../../api/names.ts'
import { letGo } from '../../controllers/claim/decide/volume-ops.ts'
import { removeFinalizers } from '../../desired/json-patch.ts'
import { readRescued } from '../../desired/rescue.ts'
import type { Claim, Volume } from '../../desired/volumes.ts'
import { isApiError } from '../../kube/api-error.ts'
import type { Context, Run } from '../command.ts'
import { edit } from '../edit.ts'
import { CommandError, exit } from '../exit.ts'
import { getIfThere } from '../lookup.ts'
import { show } from '../print.ts'
import { poll } from '../wait.ts'

const operator = { namespace: 'granary-system', name: 'granary' }
const ours = Object.values(finalizers)
/** For the operator's pod to end, ms. */
const patience = 120_000

const list = async <T extends KubeObject>({ client, signal }: Context, kind: Kind, labelSelector?: string) => {
  const { items } = await client.list<T>(kind, { signal, ...(labelSelector === undefined ? {} : { labelSelector }) })
  return items
}

const nameOf = ({ metadata }: KubeObject): string => `${metadata.namespace}/${metadata.name}`

/** What was written and is in no store yet. */
const holdsBytes = ({ spec, status }: DatasetVersion): boolean => {
  const { phase = 'Pending', firstUsedAt } = status ?? {}
  if (phase === 'Finalizing' || phase === 'Uncommitted') return spec.from?.source === undefined
  return phase === 'Running' && firstUsedAt !== undefined
}

interface Pending {
  what: string
  claim: string | undefined
}

const pendingOf = (versions: readonly DatasetVersion[], claims: readonly Claim[]): Pending[] => [
  ...versions.filter(holdsBytes).map((version) => ({
    what: `DatasetVersion ${nameOf(version)} (${version.status?.phase})`,
    claim: `${version.metadata.namespace}/${version.status?.claimName ?? version.metadata.annotations?.[annotations.claim] ?? version.metadata.name}`,
  })),
  ...claims
    .filter((claim) => claim.metadata.labels?.[labels.role] === 'rescue' && readRescued(claim) !== undefined)
    .map((claim) => ({ what: `rescue claim ${nameOf(claim)}`, claim: nameOf(claim) })),
]

interface Deployment extends KubeObject {
  spec: { replicas?: number }
}

/** While the operator runs it puts on again what is taken off. */
const stopOperator = async (context: Context): Promise<void> => {
  const { client, signal } = context
  const found = await getIfThere<Deployment>(context, kinds.Deployment, operator.namespace, operator.name)
  if (found === undefined) return
  await edit(context, kinds.Deployment, found, ({ spec }) =>
    spec.replicas === 0 ? [] : [{ op: 'add', path: '/spec/replicas', value: 0 }],
  )
  const labelSelector = 'app.kubernetes.io/name=granary,app.kubernetes.io/component=operator'
  await poll({ ...context, wait: context.wait ?? patience }, async () => {
    const { items } = await client.list(kinds.Pod, { namespace: operator.namespace, labelSelector, signal })
    return items.length === 0 ? { result: true } : { waiting: `the operator stops: pod ${items[0]?.metadata.name}` }
  })
}

const deleteMovers = async (context: Context): Promise<number> => {
  const { client } = context
  const jobs = await list(context, kinds.Job, `${labels.role}=mover`)
  for (const { metadata } of jobs)
    await client
      .delete({ kind: kinds.Job, namespace: metadata.namespace ?? '', name: metadata.name, uid: metadata.uid ?? '' })
      .catch((error) => {
        if (!isApiError(error, (e) => e.isNotFound || e.isConflict)) throw error
      })
  return jobs.length
}

/** Takes our finalizers off all objects of a kind; an object that goes with its last one is fine. */
const release = async (context: Context, kind: Kind, objects: readonly KubeObject[]): Promise<number> => {
  const held = objects.filter(({ metadata }) => metadata.finalizers?.some((name) => (ours as string[]).includes(name)))
  for (const object of held)
    await edit(context, kind, object, (now) => removeFinalizers(now, ours)).catch((error) => {
      if (!isApiError(error, (e) => e.isNotFound)) throw error
    })
  return held.length
}

/** Puts the reclaim policies back, but of volumes whose bytes are nowhere else: those stay when their claims go. */
const releaseVolumes = async (context: Context, pending: readonly Pending[]): Promise<{ kept: string[] }> => {
  const needed = new Set(pending.map(({ claim }) => claim))
  const kept: string[] = []
  for (const volume of await list<Volume>(context, kinds.Volume)) {
    const { namespace, name } = volume.spec.claimRef ?? {}
    const isNeeded = needed.has(`${namespace}/${name}`)
    if (isNeeded) kept.push(volume.metadata.name)
    else await edit(context, kinds.Volume, volume, letGo)
  }
  return { kept }
}

const nextSteps = (kept: readonly string[]): string[] => [
  ...kept.map(
    (name) => `PersistentVolume ${name} has bytes that are nowhere else: it stays (Retain) when its claim goes.`,
  ),
  'Nothing in a store was touched. What is left to do:',
  '  kubectl delete -k config/default     # the operator',
  ...(kept.length > 0
    ? ['  kubectl delete -k config/permanent   # not before those bytes are safe: their claims and records go with it']
    : ['  kubectl delete -k config/permanent   # the kinds, and with them every Dataset and DatasetVersion']),
  'A Dataset of the same namespace and name with adopt: true finds its versions in the store again.',
]

const refusal = (pending: readonly Pending[]): string =>
  [
    `${pending.length} outputs are in no store yet:`,
    ...pending.map(({ what }) => `  ${what}`),
    'commit or abandon each (granary commit, granary abandon, granary rescue adopt), or leave their volumes behind with --release',
  ].join('\n')

/** Stops the operator and takes everything off that would keep the objects from being deleted without it. Bytes in a store stay where they are. */
export const uninstall: Run = async (context, _args, flags) => {
  const [versions, claims] = await Promise.all([
    list<DatasetVersion>(context, kinds.DatasetVersion),
    list<Claim>(context, kinds.Claim),
  ])
  const early = pendingOf(versions, claims)
  if (early.length > 0 && flags.release !== true) throw new CommandError(exit.conflict, refusal(early))
  await stopOperator(context)
  const movers = await deleteMovers(context)
  // As it is now that nobody changes it any more.
  const [last, lastClaims] = await Promise.all([
    list<DatasetVersion>(context, kinds.DatasetVersion),
    list<Claim>(context, kinds.Claim),
  ])
  const pending = pendingOf(last, lastClaims)
  if (pending.length > 0 && flags.release !== true)
    throw new CommandError(exit.conflict, `${refusal(pending)}; the operator is stopped: start it again to commit them`)
  const { kept } = await releaseVolumes(context, pending)
  const released: Record<string, number> = {}
  for (const kind of [kinds.DatasetVersion, kinds.Dataset, kinds.StorageProvider, kinds.VolumeCache])
    released[kind.plural] = await release(context, kind, await list(context, kind))
  released[kinds.Claim.plural] = await release(context, kinds.Claim, lastClaims)
  const counts = Object.entries(released).map(([plural, count]) => `${count} ${plural}`)
  show(context, { released, movers, keptVolumes: kept }, () =>
    [`The operator is stopped; ${counts.join(', ')} are held by nothing of Granary any more.`, ...nextSteps(kept)].join(
      '\n',
    ),
  )
}
