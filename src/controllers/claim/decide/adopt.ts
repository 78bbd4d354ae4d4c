import { labels } from '../../../api/names.ts'
import { adoptedVersion, adoptingClaim } from '../../../desired/adopt.ts'
import { adoptIntoAnnotation } from '../../../desired/volumes.ts'
import type { Plan } from '../../../kube/types.ts'
import type { World } from '../world.ts'
import { belongsTo, isActive, isLeaving, volumeRef } from './facts.ts'
import { waits } from './say.ts'
import { swap } from './volume-ops.ts'

/** What is made in another namespace tells nothing to the rescue claim: it looks again, ms. */
const nextStepMs = 1_000

/**
 * A person wants the bytes of a rescue claim in a living namespace: a version opens there, and a claim that gets the volume; what is on it
 * is committed as any other output is.
 */
export const adopt = (world: World): Plan | undefined => {
  const { claim, volume, adoption, users, now } = world
  if (adoption === undefined) return undefined
  const { namespace, name, home, dataset, version, claim: heir } = adoption
  if (home === undefined || isLeaving(home) || dataset === undefined || isLeaving(dataset))
    return waits(
      world,
      'DatasetNotFound',
      `There is no Dataset ${name} in a living namespace "${namespace}": apply it, or write ${adoptIntoAnnotation}: namespace/dataset.`,
      10_000,
    )
  if (volume === undefined || users.some(isActive)) return { requeueAfter: 5_000 }
  if (version === undefined)
    return { live: true, create: [adoptedVersion(claim, namespace, name)], requeueAfter: nextStepMs }
  if (version.metadata.labels?.[labels.ownerUid] !== claim.metadata.uid || isLeaving(version))
    return waits(
      world,
      'NameTaken',
      `DatasetVersion ${namespace}/${version.metadata.name} is another one, or being deleted: remove it.`,
      10_000,
    )
  if (heir === undefined)
    return belongsTo(volume, claim)
      ? { live: true, create: [adoptingClaim(claim, volume, version, name)], requeueAfter: nextStepMs }
      : { requeueAfter: 5_000 }
  if (!belongsTo(volume, claim)) return { requeueAfter: 5_000 }
  return {
    live: true,
    patch: [{ ref: volumeRef(volume), ops: swap(volume, claim, heir, now) }],
    requeueAfter: nextStepMs,
  }
}
