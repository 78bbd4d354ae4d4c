import { annotations, finalizers } from '../../../api/names.ts'
import { parseQuantity } from '../../../api/quantity.ts'
import { addFinalizers, annotate, sameObject } from '../../../desired/json-patch.ts'
import { primeClaim, primeNodeAnnotation } from '../../../desired/prime.ts'
import { strategyOf } from '../../../desired/strategy.ts'
import { largerQuantity, neededBytes, neededQuantity } from '../../../desired/volume-size.ts'
import { type Claim, selectedNodeAnnotation } from '../../../desired/volumes.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { accessOf, claimRef, fillsFirst, isLeaving, resolvedOf, roleOf } from './facts.ts'
import { removePrime } from './remove-prime.ts'
import { waits } from './say.ts'
import { dataSourceFor } from './strategy.ts'

export const selectedNode = ({ claim }: World): string | undefined =>
  claim.metadata.annotations?.[selectedNodeAnnotation]

/** Whose turn is first: equal for all who look. */
export const byAge = (one: Claim, other: Claim): number =>
  (one.metadata.creationTimestamp ?? '').localeCompare(other.metadata.creationTimestamp ?? '') ||
  one.metadata.name.localeCompare(other.metadata.name)

/** A class that can make volumes. */
export const checkClass = (world: World): Plan | undefined => {
  const { claim, storageClass } = world
  const name = claim.spec.storageClassName
  if (name === undefined)
    return waits(
      world,
      'ClassNotFound',
      'The claim has no storage class and there is no default one: make one the default.',
      30_000,
    )
  if (name === '')
    return waits(
      world,
      'ClassNotFound',
      'storageClassName "" means a volume made by hand, which Granary does not fill: name a class.',
    )
  if (storageClass === undefined)
    return waits(world, 'ClassNotFound', `There is no StorageClass ${name}: create it, or name another one.`, 30_000)
  if (storageClass.provisioner === 'kubernetes.io/no-provisioner')
    return waits(world, 'ClassNotFound', `StorageClass ${name} makes no volumes: name a class with a provisioner.`)
  return undefined
}

const request = ({ claim }: World): string => claim.spec.resources?.requests?.storage ?? '1Gi'

/** Says that a volume would be too small before there is one. The size of a claim that Granary made is Granary's own affair. */
export const checkSize = (world: World): Plan | undefined => {
  const content = resolvedOf(world.claim)?.content
  if (content === undefined || roleOf(world.claim) !== undefined) return undefined
  const asked = parseQuantity(request(world))
  if (asked === undefined || asked >= neededBytes(content)) return undefined
  return waits(
    world,
    'InsufficientSpace',
    `${resolvedOf(world.claim)?.version} has ${content.files} files with ${content.bytes} bytes, which need ${neededQuantity(content)}; the claim asks for ${request(world)}. Make it again with storage: ${neededQuantity(content)} or more.`,
  )
}

/** With WaitForFirstConsumer, other people's claims are filled where their pod was placed. */
export const awaitConsumer = (world: World): Plan | undefined => {
  const { claim, storageClass } = world
  if (storageClass?.volumeBindingMode !== 'WaitForFirstConsumer' || fillsFirst(claim)) return undefined
  if (selectedNode(world) !== undefined) return undefined
  return waits(
    world,
    'WaitingForConsumer',
    'Waits for a pod that uses it, to fill it where that pod runs. To fill it now: annotation granary.dev/bind: Immediate.',
  )
}

/** Before there is anything that it guards. */
export const guard = ({ claim }: World): Plan | undefined => {
  const ops = addFinalizers(claim, [
    finalizers.populate,
    ...(accessOf(claim) === 'ReadWrite' ? [finalizers.finalize] : []),
  ])
  return ops.length === 0 ? undefined : { patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }] }
}

/** A mover can't write to a volume that is attached read-only: the claim's own modes come with the swap. */
const writableModes = (modes: readonly string[] = []): string[] =>
  modes.includes('ReadWriteMany') ? ['ReadWriteMany'] : ['ReadWriteOnce']

/** As many as may be are being filled for other namespaces, of those that were begun before this one (all, if this one is not begun). */
export const tooMany = (world: World): Plan | undefined => {
  const { claim, source, prime } = world
  if ('missing' in source || source.dataset.metadata.namespace === claim.metadata.namespace) return undefined
  const most = source.dataset.spec.allowedNamespaces?.maxFills ?? 4
  const before = prime === undefined ? source.fills : source.fills.filter((other) => byAge(other, prime) < 0)
  if (before.length < most) return undefined
  return waits(
    world,
    'FillsLimited',
    `${before.length} volumes of ${source.dataset.metadata.namespace}/${source.dataset.metadata.name} are being filled for other namespaces; its spec.allowedNamespaces.maxFills is ${most}.`,
    5_000,
  )
}

export const makePrime = (world: World): Plan | undefined => {
  const { claim, prime } = world
  const resolved = resolvedOf(claim)
  if (prime !== undefined || resolved === undefined) return undefined
  const needed = resolved.content !== undefined && roleOf(claim) !== undefined ? neededQuantity(resolved.content) : '0'
  const strategy = strategyOf(claim)
  const made = strategy === undefined ? undefined : dataSourceFor(world, strategy.used)
  return (
    tooMany(world) ?? {
      create: [
        primeClaim({
          claim,
          namespace: resolved.namespace,
          dataset: resolved.dataset,
          version: resolved.version,
          digest: resolved.digest ?? '',
          size: largerQuantity(largerQuantity(request(world), needed), made?.size ?? '0'),
          accessModes: writableModes(claim.spec.accessModes),
          node: selectedNode(world),
          dataSource: made?.source,
          strategy: claim.metadata.annotations?.[annotations.strategy],
        }),
      ],
    }
  )
}

/**
 * A prime that can't get its volume where it was told to: the scheduler is asked again. So is one whose volume somebody deleted.
 * Never one whose volume was handed over (that is looked at before).
 */
export const replaceStranded = (world: World): Plan | undefined => {
  const { claim, prime } = world
  if (prime === undefined) return undefined
  const remove = removePrime(world)
  if (isLeaving(prime) || prime.status?.phase === 'Lost') return remove
  // What the claim was resolved to was written anew: what is on the prime is something else.
  if (prime.metadata.annotations?.[annotations.digest] !== (resolvedOf(claim)?.digest ?? '')) return remove
  // It could not be made, or not be checked, as it was told to.
  if ((strategyOf(prime)?.used ?? strategyOf(claim)?.used) !== strategyOf(claim)?.used) return remove
  if (prime.spec.volumeName !== undefined && prime.spec.volumeName !== '') return undefined
  const told = prime.metadata.annotations?.[primeNodeAnnotation]
  if (told === undefined) return undefined
  const refused = prime.metadata.annotations?.[selectedNodeAnnotation] === undefined
  const chosen = selectedNode(world)
  if (!refused && !world.nodeGone) return chosen === undefined || chosen === told ? undefined : remove
  if (chosen !== told) return remove
  const ops = annotate(claim, { [selectedNodeAnnotation]: undefined })
  return {
    ...remove,
    patch: [{ ref: claimRef(claim), ops: [sameObject(claim), ...ops] }, ...(remove?.patch ?? [])],
  }
}
