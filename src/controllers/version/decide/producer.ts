import type { ResolvedLocation } from '../../../desired/location.ts'
import { sourceName } from '../../../desired/source-name.ts'
import type { World } from '../world.ts'

type Producer = Record<string, string>

/** A value of `status.producedBy`, characters. */
const maxValue = 253

const producer = (said: Record<string, string | undefined>): Producer =>
  Object.fromEntries(
    Object.entries(said).flatMap(([key, value]) => (value === undefined ? [] : [[key, value.slice(0, maxValue)]])),
  )

/** A sync made it: of which place. What of it was read is the fingerprint of the listing, which the mover adds. */
export const bySync = ({ spec, dataset }: World, at: ResolvedLocation): Producer =>
  producer({ kind: 'Sync', name: spec.dataset, uid: dataset?.metadata.uid, ...sourceName(at) })

/** A person copied what is on a claim. */
export const byWorkspace = ({ spec, claim }: World): Producer | undefined =>
  spec.from?.claim === undefined
    ? undefined
    : producer({ kind: 'PersistentVolumeClaim', name: spec.from.claim.name, uid: claim?.metadata.uid })

/** A person asked for a copy of another version. */
export const byCopy = ({ version }: World): Producer =>
  producer({ kind: 'DatasetVersion', name: version.metadata.name, uid: version.metadata.uid })
