import { parseQuantity } from '../../../api/quantity.ts'
import { contentOfClaim } from '../../../desired/in-use.ts'
import { type Claim, filledFromAnnotation, handedOverAnnotation, type Volume } from '../../../desired/volumes.ts'
import type { JsonPatchOp, Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { accessOf, handedOver, volumeRef } from './facts.ts'
import { isFilled } from './fill.ts'
import { waits } from './say.ts'
import { swap } from './volume-ops.ts'

/** After so long a claim that got its volume should have noticed. */
const patience = 60_000

/**
 * Whether a volume of this driver can be mounted with the option `ro`. A host path has no mount options at all, and these drivers refuse
 * options that they don't know.
 */
const refusesOptions = ['efs.csi.aws.com', 'fsx.csi.aws.com', 'secrets-store.csi.k8s.io']
const takesRo = ({ spec }: Volume): boolean =>
  spec.nfs !== undefined ||
  spec.local !== undefined ||
  (spec.csi !== undefined && !refusesOptions.includes(spec.csi.driver))

const readOnlyMount = (volume: Volume, claim: Claim): JsonPatchOp[] => {
  const there = volume.spec.mountOptions
  // What one node alone may write is kept from writes by the pods' mounts: such a claim may be bound to be mounted writable by its form.
  const alone = (claim.spec.accessModes ?? []).some((mode) => mode.startsWith('ReadWriteOnce'))
  if (accessOf(claim) !== 'ReadOnly' || alone || !takesRo(volume) || there?.includes('ro')) return []
  return [
    there === undefined
      ? { op: 'add', path: '/spec/mountOptions', value: ['ro'] }
      : { op: 'add', path: '/spec/mountOptions/-', value: 'ro' },
  ]
}

const accessModes = (volume: Volume, claim: Claim): JsonPatchOp[] =>
  claim.spec.accessModes === undefined ||
  JSON.stringify(claim.spec.accessModes) === JSON.stringify(volume.spec.accessModes)
    ? []
    : [{ op: 'replace', path: '/spec/accessModes', value: claim.spec.accessModes }]

/** Why the claim would not take the volume. */
const misfit = (volume: Volume, claim: Claim): string | undefined => {
  const has = parseQuantity(volume.spec.capacity?.storage ?? '') ?? 0
  const asks = parseQuantity(claim.spec.resources?.requests?.storage ?? '0') ?? 0
  if (has < asks)
    return `the volume has ${volume.spec.capacity?.storage}, the claim asks for ${claim.spec.resources?.requests?.storage}`
  const [its, wanted] = [volume.spec.volumeMode ?? 'Filesystem', claim.spec.volumeMode ?? 'Filesystem']
  return its === wanted ? undefined : `the volume is a ${its}, the claim asks for a ${wanted}`
}

/** Who may write a claim of another namespace may write what it says of its content: the volume says it too. */
const filledFrom = ({ claim, prime }: World): Record<string, string> => {
  const content = contentOfClaim(claim)
  const stays = prime?.metadata.namespace === claim.metadata.namespace
  return stays || content === undefined ? {} : { [filledFromAnnotation]: content.dataset }
}

/** Gives the filled volume to the claim, as a live look says that it still wants it. */
export const handOver = (world: World): Plan | undefined => {
  const { claim, prime, primeVolume, now } = world
  if (prime === undefined || !isFilled(world)) return undefined
  if (primeVolume === undefined) return { requeueAfter: 2_000 }
  const wrong = misfit(primeVolume, claim)
  if (wrong !== undefined)
    return waits(
      world,
      'SwapPending',
      `PersistentVolume ${primeVolume.metadata.name} of PersistentVolumeClaim ${prime.metadata.namespace}/${prime.metadata.name} does not fit: ${wrong}.`,
    )
  const more = [...accessModes(primeVolume, claim), ...readOnlyMount(primeVolume, claim)]
  return {
    live: true,
    patch: [
      { ref: volumeRef(primeVolume), ops: [...swap(primeVolume, prime, claim, now, filledFrom(world)), ...more] },
    ],
  }
}

/** The volume is the claim's; Kubernetes binds the two. */
export const awaitBinding = (world: World): Plan | undefined => {
  const volume = handedOver(world)
  const { claim, prime } = world
  if (volume === undefined) return undefined
  const left = Date.parse(volume.metadata.annotations?.[handedOverAnnotation] ?? '') + patience - world.now
  if (!(left <= 0)) return { requeueAfter: Number.isNaN(left) ? 5_000 : left }
  return waits(
    world,
    'SwapPending',
    `PersistentVolume ${volume.metadata.name} (${volume.status?.phase}) was given to this claim (${claim.status?.phase}) but is not bound to it${prime === undefined ? '' : `; PersistentVolumeClaim ${prime.metadata.namespace}/${prime.metadata.name} is ${prime.status?.phase}`}: see the log of the controller manager.`,
    30_000,
  )
}
