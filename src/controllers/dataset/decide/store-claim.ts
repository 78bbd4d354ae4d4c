import * as kinds from '../../../api/kinds.ts'
import { storeClaimName } from '../../../api/names.ts'
import { childLabels } from '../../../desired/labels.ts'
import type { ClaimObject } from '../../../desired/objects.ts'
import { lookAgainAt, type Step } from './draft.ts'
import { storeOf } from './store.ts'

const pollMs = 5_000

/** The operator's default store in this namespace. It holds the versions of every Dataset that names no store, so it belongs to none of them. */
const defaultClaim = (
  namespace: string,
  volume: { storageClassName?: string | undefined; size: string },
): ClaimObject => ({
  apiVersion: kinds.Claim.apiVersion,
  kind: kinds.Claim.kind,
  metadata: {
    name: storeClaimName,
    namespace,
    // The same owner for whichever Dataset comes first.
    labels: childLabels({ role: 'store', ownerUid: storeClaimName }),
  },
  spec: {
    accessModes: ['ReadWriteOnce'],
    ...(volume.storageClassName === undefined ? {} : { storageClassName: volume.storageClassName }),
    resources: { requests: { storage: volume.size } },
  },
})

/** A store that is a claim must be there before a pod can mount it: the default one is made, another one is waited for. */
export const keepStoreClaim: Step = (world, draft) => {
  const store = storeOf(world)
  const mount = 'location' in store ? store.location.mount : undefined
  if (mount === undefined || !('claimName' in mount) || world.storeClaim !== undefined) return undefined
  const { namespace = '', deletionTimestamp } = world.dataset.metadata
  const byDefault = world.spec.store === undefined && mount.claimName === storeClaimName
  const volume = world.config.defaultStore?.claim
  lookAgainAt(world, draft, world.now + pollMs)
  if (deletionTimestamp !== undefined) return undefined
  if (byDefault && volume !== undefined) {
    draft.make.claims.push({ object: defaultClaim(namespace, volume) })
    draft.held = {
      reason: 'VolumePending',
      message: `Claim ${storeClaimName}, where versions are kept, is being made.`,
    }
    return 'stop'
  }
  const message = `There is no claim ${mount.claimName} in this namespace to keep versions in: create it, or mend spec.store.`
  draft.held = { reason: 'NoStore', message }
  return 'stop'
}
