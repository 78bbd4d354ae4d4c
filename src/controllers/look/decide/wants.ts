import type { Dataset } from '../../../api/dataset.ts'
import type { MoveSpec } from '../../../api/move.ts'
import type { StorageProvider } from '../../../api/storage-provider.ts'
import { asStore, type MoverAccess, moverAccess, resolveLocation } from '../../../desired/location.ts'
import type { LookEntry } from '../../../desired/look.ts'
import type { MoverSettings } from '../../../desired/mover-job.ts'
import { resolveSource } from '../../../desired/source.ts'
import type { World } from '../world.ts'

export type ScanItem = Extract<MoveSpec, { op: 'Scan' }>['items'][number]

/** A look that an object asks for. */
export interface Want {
  entry: LookEntry
  /** When it began to ask, ms since 1970. */
  since: number
  access: MoverAccess
  /** It takes long: apart from those that don't. */
  slow: boolean
  settings: MoverSettings | undefined
  /** Of a Dataset, without its location. */
  item?: Omit<ScanItem, 'source'>
}

/** A Dataset whose status asks for a look at its source. */
export const wantsScan = ({ metadata, status }: Dataset): boolean =>
  status?.lastSync?.startedAt !== undefined &&
  status.lastSync.finishedAt === undefined &&
  metadata.deletionTimestamp === undefined

/** A StorageProvider whose status asks for a probe. */
export const wantsProbe = ({ status }: StorageProvider): boolean => status?.probeStartedAt !== undefined

const ofDatasets = ({ datasets, providers, config }: World): Want[] =>
  datasets.flatMap(({ object, spec }) => {
    const { name, namespace = '', uid = '' } = object.metadata
    const last = object.status?.lastSync ?? {}
    if (spec.source === undefined || spec.sync?.suspend) return []
    const place = resolveSource(spec.source, { uid, providers, allowHostPath: config.allowHostPath ?? [] })
    if (!('location' in place)) return []
    const { include, exclude, allowEmpty } = spec.source
    const item = {
      dataset: { namespace, name, uid },
      ...(include ? { include } : {}),
      ...(exclude ? { exclude } : {}),
      ...(allowEmpty ? { allowEmpty } : {}),
      ...(last.fingerprint === undefined ? {} : { fingerprint: last.fingerprint }),
    }
    return {
      entry: { kind: 'Dataset', name, uid, attempt: last.attempt ?? 1 } as const,
      since: Date.parse(last.startedAt ?? ''),
      access: moverAccess('source', place.location),
      slow: last.slow === true,
      settings: spec.mover,
      item,
    }
  })

const ofProviders = ({ probes, providers }: World): Want[] =>
  probes.flatMap(({ object, spec }) => {
    const { name, uid = '' } = object.metadata
    const { attempt = 1, probeStartedAt = '' } = object.status ?? {}
    const place = resolveLocation({ provider: name }, providers)
    if (!('location' in place)) return []
    return {
      entry: { kind: 'StorageProvider', name, uid, attempt } as const,
      since: Date.parse(probeStartedAt),
      access: moverAccess('store', asStore(place.location)),
      slow: false,
      settings: spec.mover,
    }
  })

/** All looks that are asked for, the oldest first. */
export const wantsOf = (world: World): Want[] =>
  [...ofProviders(world), ...ofDatasets(world)].sort(
    (a, b) => a.since - b.since || (a.entry.name < b.entry.name ? -1 : 1),
  )
