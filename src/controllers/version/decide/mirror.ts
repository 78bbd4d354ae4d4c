import type { DatasetVersion } from '../../../api/dataset-version.ts'
import type { MoveSpec } from '../../../api/move.ts'
import { formatBytes } from '../../../api/quantity.ts'
import type { ReasonName } from '../../../api/reasons.ts'
import { moverAccess, type ResolvedLocation, resolveLocation } from '../../../desired/location.ts'
import { isBucket } from '../../../desired/source.ts'
import type { World } from '../world.ts'
import { type Draft, isoTime, lookAgainIn, say, tell, unsay } from './draft.ts'
import { follow, healsByItself, reasonOf, resultOf, retryLater, sentenceOf } from './move.ts'
import { committedOf, latestOther, type Place, sourceIfNeeded, sourcePlace, storePlace } from './places.ts'

type Reached = Extract<Place, { access: unknown }>

/** A place as it is written into the status, without any credentials. */
export const describePlace = (at: ResolvedLocation): string => {
  if (at.s3 !== undefined) return `s3://${at.s3.bucket}/${at.prefix}`
  return at.gcs === undefined ? `${at.directory?.label ?? ''}/${at.prefix}` : `gs://${at.gcs.bucket}/${at.prefix}`
}

const destination = (world: World): Place | undefined => {
  const wanted = world.datasetSpec?.writeBack
  if (wanted === undefined) return undefined
  const place = wanted.toSource === true ? sourcePlace(world) : resolved(world)
  if (!('access' in place)) return place
  if (!isBucket(place.at))
    return {
      reason: 'InvalidSpec',
      message: 'spec.writeBack: only a bucket can be written back to: name another place.',
    }
  return { ...place, access: { ...place.access, location: { ...place.access.location, name: 'destination' } } }
}

const resolved = (world: World): Place => {
  const resolution = resolveLocation(world.datasetSpec?.writeBack ?? {}, world.providers)
  return 'location' in resolution
    ? { access: moverAccess('destination', resolution.location), at: resolution.location }
    : resolution
}

const mirroredTo = (version: DatasetVersion, place: string): boolean =>
  version.status?.mirror?.finishedAt !== undefined && version.status.mirror.location === place

/** What lies at the place now, as far as Granary wrote it. */
const previous = (world: World, place: string) =>
  world.siblings
    .filter((version) => mirroredTo(version, place))
    .sort((a, b) => (b.status?.sequence ?? 0) - (a.status?.sequence ?? 0))
    .flatMap((version) => committedOf(version) ?? [])[0]

const bucketOf = ({ s3, gcs }: ResolvedLocation): string =>
  JSON.stringify([s3?.endpoint, s3?.bucket, gcs?.endpoint, gcs?.bucket])

/** How a place lies to where the Dataset's source is. */
const relationToSource = (world: World, to: ResolvedLocation): 'same' | 'overlaps' | 'apart' => {
  const source = sourcePlace(world)
  if (!('access' in source) || bucketOf(source.at) !== bucketOf(to)) return 'apart'
  const [one, other] = [source.at.prefix, to.prefix]
  if (one === other) return 'same'
  return one.startsWith(other) || other.startsWith(one) ? 'overlaps' : 'apart'
}

const refers = (world: World): boolean => world.dataset?.status?.import?.mode === 'Reference'

/** What the mover must know to write to the Dataset's own source. */
const ownSource = (world: World) => {
  const { include, exclude } = world.datasetSpec?.source ?? {}
  const imported = world.siblings
    .filter(({ spec }) => spec.from?.source !== undefined)
    .flatMap((version) => committedOf(version) ?? [])
    .sort((a, b) => b.sequence - a.sequence)[0]
  return {
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(imported === undefined ? {} : { imported }),
    referred: refers(world),
  }
}

/** Another version is being written to the place: it stops by itself when it is not the newest any more. */
const otherAtWork = ({ siblings }: World): DatasetVersion | undefined =>
  siblings.find(({ status }) => status?.mirror?.attempt !== undefined && status.mirror.finishedAt === undefined)

/** Whether this version is one that writeBack is about: the newest, made by a workload or a person. */
const isMeant = (world: World): boolean => {
  const own = world.version.status?.sequence ?? 0
  return world.spec.from?.source === undefined && (latestOther(world)?.sequence ?? 0) < own
}

const pending = (world: World, draft: Draft, reason: ReasonName, message: string): 'pending' => {
  say(world, draft, { type: 'Mirrored', status: 'False', reason, message })
  return 'pending'
}

const specOf = (world: World, store: Reached, to: Reached): MoveSpec | undefined => {
  const version = committedOf(world.version)
  const wanted = world.datasetSpec?.writeBack
  if (version === undefined || wanted === undefined) return undefined
  const source = sourceIfNeeded(world)
  const before = previous(world, describePlace(to.at))
  return {
    op: 'Mirror',
    store: store.access.location,
    ...(source === undefined ? {} : { source: source.access.location }),
    version,
    destination: to.access.location,
    prune: wanted.prune,
    onConflict: wanted.onConflict,
    ...(before === undefined ? {} : { previous: before }),
    ...(relationToSource(world, to.at) === 'same' ? { ownSource: ownSource(world) } : {}),
  }
}

/** Writes the newest version to where writeBack says. `idle`: nothing runs for it, and nothing is to. */
export const mirror = (world: World, draft: Draft): 'done' | 'pending' | 'idle' => {
  const to = destination(world)
  if (to === undefined || !isMeant(world)) {
    if (draft.status.mirror?.finishedAt === undefined) {
      delete draft.status.mirror
      unsay(draft, 'Mirrored')
    }
    return 'idle'
  }
  if (!('access' in to)) return pending(world, draft, to.reason, to.message)
  const place = describePlace(to.at)
  if (mirroredTo(world.version, place)) return 'done'
  const store = storePlace(world)
  if (!('access' in store)) return pending(world, draft, store.reason, store.message)
  if (refused(world, draft, to.at)) return 'pending'
  const other = otherAtWork(world)
  if (other !== undefined) {
    lookAgainIn(draft, 5_000)
    return pending(world, draft, 'Mirroring', `Waits until ${other.metadata.name} has stopped writing there.`)
  }
  return write(world, draft, place, store, to)
}

/** Bytes that versions of the source only point at must not be replaced. At the source itself the mover looks whether old states of them are kept. */
const refused = (world: World, draft: Draft, to: ResolvedLocation): boolean => {
  if (relationToSource(world, to) !== 'overlaps' || !refers(world)) return false
  pending(
    world,
    draft,
    'WriteBackWouldOverwrite',
    "writeBack goes into or around the source's prefix, where versions point at objects: set spec.import: Copy, or write to another prefix (or with toSource: true to the source itself, if its bucket keeps old versions).",
  )
  return true
}

const write = (world: World, draft: Draft, place: string, store: Reached, to: Reached): 'done' | 'pending' => {
  const spec = specOf(world, store, to)
  if (spec === undefined || spec.op !== 'Mirror') return 'pending'
  const started = draft.status.mirror?.location === place && draft.status.mirror.finishedAt === undefined
  const book = started ? { ...draft.status.mirror } : { location: place }
  book.attempt ??= 1
  draft.status.mirror = book
  const source = spec.source === undefined ? undefined : sourceIfNeeded(world)
  const locations = [store.access, to.access, ...(source === undefined ? [] : [source.access])]
  const now = follow(world, draft, { spec, locations }, book)
  const result = resultOf(now, 'Mirror')
  if (result !== undefined) {
    const { files, bytes, written, removed, fingerprint, warnings = [] } = result
    const known = fingerprint === undefined ? {} : { fingerprint }
    draft.status.mirror = { location: place, files, bytes, written, removed, ...known, finishedAt: isoTime(world.now) }
    const counts = `${files} files, ${formatBytes(bytes)} at ${place}; ${written} written, ${removed} removed.`
    const message = [counts, ...warnings].join(' Note: ')
    say(world, draft, { type: 'Mirrored', status: 'True', reason: 'Mirrored', message })
    tell(world, draft, 'Normal', 'Mirrored', message)
    delete draft.status.progress
    return 'done'
  }
  if (now?.state === 'failed') {
    retryLater(draft, book, now)
    tell(world, draft, 'Warning', reasonOf(now), sentenceOf(now))
    const how = healsByItself(now) ? '' : ' Tries again in some minutes.'
    return pending(world, draft, reasonOf(now), `${sentenceOf(now)}${how}`)
  }
  if (book.nextRetryAt === undefined || now?.state === 'running')
    pending(world, draft, 'Mirroring', `Is being written to ${place}.`)
  return 'pending'
}
