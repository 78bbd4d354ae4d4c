import type { KubeObject } from '../../../api/meta.ts'
import { type MoveLocation, type MoveSpec, maxSpecBytes } from '../../../api/move.ts'
import { annotations } from '../../../api/names.ts'
import type { MoverAccess } from '../../../desired/location.ts'
import { writeEntries } from '../../../desired/look.ts'
import { moverJob } from '../../../desired/mover-job.ts'
import type { World } from '../world.ts'
import type { Want } from './wants.ts'

/**
 * Looks that one pod can do: as one identity, with the same settings of its pod. What must be mounted has a pod of its own: a volume that does not come, or that
 * another node has, holds up nobody else.
 */
export const groupOf = ({ entry, access, slow, settings }: Want): string => {
  const own = access.mount === undefined ? '' : entry.uid
  return JSON.stringify([entry.kind, access.credentials?.serviceAccountName ?? '', slow, settings ?? {}, own])
}

/** What one pod mounts of Secrets and authorities, at most. */
const maxWays = 50
const maxSpec = maxSpecBytes - 4096

const maxItems = ({ entry, slow }: Want): number => {
  // The answer of a probe takes more room than that of a look; slow ones hold each other up, so few.
  if (entry.kind === 'StorageProvider') return 20
  return slow ? 8 : 200
}

/** How a bucket is reached: those that are reached in the same way share one directory of credentials. Any other kind of place has its own. */
const wayOf = (access: MoverAccess): string => {
  const { name: _name, s3, gcs, prefix, ...rest } = access.location
  const own = s3 === undefined && gcs === undefined ? prefix : undefined
  return JSON.stringify({ ...access, location: rest, own })
}

interface Batch {
  wants: Want[]
  ways: Map<string, MoverAccess>
  locations: MoveLocation[]
}

/** As many of these, which are of one group, as one Job takes. */
const fill = (wants: readonly Want[]): Batch => {
  const batch: Batch = { wants: [], ways: new Map(), locations: [] }
  let bytes = 0
  for (const want of wants) {
    const key = wayOf(want.access)
    const known = batch.ways.get(key)
    const count = batch.ways.size
    const ownName = count === 0 ? want.access.location.name : `${want.access.location.name}-${count}`
    const location = { ...want.access.location, name: known?.location.name ?? ownName }
    bytes += JSON.stringify([want.item, location]).length
    const isFull = batch.wants.length >= maxItems(want) || bytes > maxSpec || (!known && count >= maxWays)
    if (isFull && batch.wants.length > 0) break
    if (!known) batch.ways.set(key, { ...want.access, location })
    batch.wants.push(want)
    batch.locations.push(location)
  }
  return batch
}

const specOf = ({ wants, locations }: Batch): MoveSpec => {
  const [first] = wants
  if (first?.entry.kind === 'StorageProvider') return { op: 'Probe', locations }
  return {
    op: 'Scan',
    items: wants.flatMap(({ item }, i) => {
      const source = locations[i]
      return item === undefined || source === undefined ? [] : { ...item, source }
    }),
    ...(first?.slow === true ? { patient: true } : {}),
  }
}

/**
 * The Job of the first of these looks and of as many others as it takes. It has the name and labels of its first entry, so that a repeated POST meets the first, but
 * no owner: it is everybody's.
 */
export const batchJob = (world: World, wants: readonly [Want, ...Want[]]): KubeObject => {
  const batch = fill(wants)
  const { entry, settings } = wants[0]
  const job = moverJob({
    spec: specOf(batch),
    attempt: entry.attempt,
    namespace: world.namespace,
    // Without a namespace it can't be referenced as an owner.
    owner: { apiVersion: '', kind: entry.kind, metadata: { name: entry.name, uid: entry.uid } },
    locations: [...batch.ways.values()],
    ...(settings === undefined ? {} : { settings }),
    config: world.config,
  })
  job.metadata.annotations = { [annotations.looks]: writeEntries(batch.wants.map((want) => want.entry)) }
  return job
}
