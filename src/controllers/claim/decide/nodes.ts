import { annotations, finalizers } from '../../../api/names.ts'
import { annotate, sameObject } from '../../../desired/json-patch.ts'
import type { PodObject } from '../../../desired/objects.ts'
import { onlyNodeOf } from '../../../desired/reach.ts'
import { reachOf, strategyOf } from '../../../desired/strategy.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { claimRef, hasEnded, isActive } from './facts.ts'
import { isFilled } from './fill.ts'
import { waits } from './say.ts'

/** So long a pod may take to start on another node before that is worth a word: its volume may just be on its way there, ms. */
const attachingMs = 15_000

/** Access modes let many nodes use the claim, but its driver keeps the volume on one: that is what `reach` says from now on. */
export const noteReach = (world: World): Plan | undefined => {
  const { claim, prime, primeVolume } = world
  const strategy = strategyOf(claim)
  if (prime === undefined || primeVolume === undefined || !isFilled(world)) return undefined
  if (strategy?.reach !== 'ManyNodes' || onlyNodeOf(primeVolume) === undefined) return undefined
  const value = JSON.stringify({ ...strategy, reach: 'OneNode' })
  return {
    patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...annotate(claim, { [annotations.strategy]: value })] }],
  }
}

const wayOut =
  'Use one claim per pod (a generic ephemeral volume with the same dataSourceRef), or a claim with ReadWriteMany or ReadOnlyMany of a storage class whose volumes all nodes can use.'

/** The scheduler found no node for the pod because of where a volume is. */
const isMisplaced = ({ spec, status }: PodObject): boolean =>
  spec?.nodeName === undefined &&
  (status?.conditions ?? []).some(
    ({ type, status: value, message = '' }) =>
      type === 'PodScheduled' && value === 'False' && /volume(?:'s)? node affinity/i.test(message),
  )

const byName = (one: PodObject, other: PodObject): number => (one.metadata.name < other.metadata.name ? -1 : 1)

interface Stuck {
  pod: PodObject
  message: string
}

/** A pod that must not be where the volume is. */
const onWrongNode = ({ users, volume, claim }: World): Stuck | undefined => {
  const node = volume === undefined ? undefined : onlyNodeOf(volume)
  const pod = users.filter((one) => !hasEnded(one)).find(isMisplaced)
  if (node === undefined || pod === undefined) return undefined
  const message = `Pod ${pod.metadata.name} waits: the volume of claim ${claim.metadata.name} can be used on node ${node} only, where the pod may not run. ${wayOut}`
  return { pod, message }
}

const isStarting = (pod: PodObject): boolean => isActive(pod) && pod.status?.phase === 'Pending'

/** A pod that does not start while another node has the volume. */
const besideAnother = ({ users, claim, now }: World): Stuck | { wait: number } | undefined => {
  if (reachOf(claim.spec.accessModes) === 'ManyNodes') return undefined
  const holder = users.find((one) => isActive(one) && one.status?.phase === 'Running')
  const pod = users.find((one) => isStarting(one) && one.spec?.nodeName !== holder?.spec?.nodeName)
  if (holder === undefined || pod === undefined) return undefined
  const wait = Date.parse(pod.metadata.creationTimestamp ?? '') + attachingMs - now
  if (wait > 0) return { wait }
  const message = `Pod ${pod.metadata.name} waits on node ${pod.spec?.nodeName}: claim ${claim.metadata.name} is used on node ${holder.spec?.nodeName} by pod ${holder.metadata.name}, and one node at a time can use it. ${wayOut}`
  return { pod, message }
}

/** Pods of several nodes want a volume that one node can use: said on the claim and on the pod that waits. */
export const saySingleNode = (seen: World): Plan | undefined => {
  // What was said of the filling goes first.
  if (seen.claim.metadata.finalizers?.includes(finalizers.populate)) return undefined
  const world = { ...seen, users: [...seen.users].sort(byName) }
  const found = onWrongNode(world) ?? besideAnother(world)
  if (found === undefined) return undefined
  if ('wait' in found) return { requeueAfter: found.wait }
  const said = waits(world, 'SingleNodeOnly', found.message)
  const { message } = found
  return said.patch === undefined
    ? said
    : {
        ...said,
        events: [...(said.events ?? []), { regarding: found.pod, type: 'Warning', reason: 'SingleNodeOnly', message }],
      }
}
