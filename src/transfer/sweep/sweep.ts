import type { Logger } from 'pino'
import { allData, allUploads, dataPrefix, tombstoneKey, uploadsPrefix, versionsPrefix } from '../../manifest/keys.ts'
import { type Tombstone, tombstoneBytes } from '../../manifest/marks.ts'
import type { ObjectStore } from '../../stores/object-store.ts'
import { listRecords } from '../source-record.ts'
import { sweepFiles } from './files.ts'
import { endGraces, type GraceSpec, isBusy, newTombstones, overdue } from './graces.ts'
import { Living } from './living.ts'
import { sweepManifests } from './manifests.ts'
import { directoriesIn, numbersIn } from './numbers.ts'
import { Remover } from './remover.ts'
import { readTombstones, writeTombstone } from './tombstones.ts'

export interface SweepSpec extends GraceSpec {
  quiet: boolean
  all: boolean
  limit: number
  dryRun?: boolean | undefined
}

interface Scene {
  store: ObjectStore
  prefix: string
  spec: SweepSpec
  tombstones: Map<number, Tombstone>
  /** Numbers whose grace was over when this run began. */
  gone: ReadonlySet<number>
  remover: Remover
  signal: AbortSignal
}

export interface Swept {
  /** Tombstones of versions that were written. */
  tombstoned: number
  /** Numbers of which nothing is left but what others refer to. */
  purged: number[]
  objects: number
  bytes: number
  more: boolean
  /** That are in the store now. */
  tombstones: Tombstone[]
}

/** Journals of numbers that have committed: a mover that came late wrote them, or one was lost right before it would have removed them. */
const sweepLateJournals = async ({ store, prefix, spec, remover, signal }: Omit<Scene, 'tombstones' | 'gone'>) => {
  const committed = new Set(await numbersIn(store, versionsPrefix(prefix), signal))
  for (const n of await directoriesIn(store, allUploads(prefix), signal)) {
    if (!committed.has(n) || isBusy(spec, n)) continue
    for await (const { key, size } of store.list(uploadsPrefix(prefix, n), { signal }))
      await remover.remove([{ key, size }])
  }
}

/** Journals of uploads that are over, what imports recorded of sources, and parts that nobody will put together. */
const sweepUploads = async ({ store, prefix, spec, gone, remover, signal }: Scene): Promise<void> => {
  for (const n of gone) {
    const journals: { key: string; size: number }[] = []
    for await (const { key, size } of store.list(uploadsPrefix(prefix, n), { signal })) journals.push({ key, size })
    for await (const record of listRecords(store, prefix, n, signal)) journals.push(record)
    await remover.remove(journals)
    if (!remover.isDryRun) await store.abortUploads(dataPrefix(prefix, n), signal)
  }
  if (spec.all) await sweepLateJournals({ store, prefix, spec, remover, signal })
  if (spec.all && spec.quiet && !remover.isDryRun) await store.abortUploads(allData(prefix), signal)
}

/**
 * What no committed version refers to: a version that went may have been the last that referred to a file of any other. What never committed is left
 * alone until its grace is over. While a number that has not committed has a turn in the store, a mover that nobody knows of any more may be about to
 * refer to any manifest that is there: they all stay.
 */
const sweepUnreferenced = async ({ store, prefix, spec, tombstones, gone, remover, signal }: Scene): Promise<void> => {
  if (gone.size === 0 && !spec.all) return
  const living = new Living(store, prefix, signal)
  await living.look(gone)
  const scene = { store, prefix, living, leaving: gone, remover, signal }
  for (const n of await directoriesIn(store, allData(prefix), signal)) {
    const isLeftover = tombstones.get(n)?.reason === 'Abandoned' && !gone.has(n)
    if (!isBusy(spec, n) && !isLeftover) await sweepFiles(scene, n)
    if (remover.more) return
  }
  if (spec.quiet && (await directoriesIn(store, allUploads(prefix), signal)).every((n) => living.versions.has(n)))
    await sweepManifests(scene, Date.parse(spec.now) - spec.settle)
}

/** The tombstone of a number goes with the last file in its directory; until then it says that the number is done with. */
const closeGraves = async ({ store, prefix, tombstones, gone, signal }: Scene): Promise<void> => {
  const left = new Set(await directoriesIn(store, allData(prefix), signal))
  for (const [n, tombstone] of tombstones) {
    if (!gone.has(n) && tombstone.reason !== 'Swept') continue
    if (!left.has(n)) {
      await store.remove([tombstoneKey(prefix, n)], signal)
      tombstones.delete(n)
    } else if (tombstone.reason !== 'Swept') {
      const swept: Tombstone = { ...tombstone, reason: 'Swept' }
      await store.put(tombstoneKey(prefix, n), tombstoneBytes(swept), { contentType: 'application/json', signal })
      tombstones.set(n, swept)
    }
  }
}

/**
 * One run over a Dataset's directory: tombstones are written; versions whose grace is over go, record first, then the files, roots and shards that no other
 * version refers to; leftovers of what never committed go once they had a tombstone for long enough. Idempotent: it may have been stopped
 * anywhere. Nothing that a commit record leads to is removed.
 */
export const sweep = async (
  {
    store,
    prefix,
    log,
    signal,
  }: { store: ObjectStore; prefix: string; log: Pick<Logger, 'info'>; signal: AbortSignal },
  spec: SweepSpec,
): Promise<Swept> => {
  const dryRun = spec.dryRun ?? false
  const tombstones = await readTombstones(store, prefix, signal)
  const ended = overdue(tombstones, spec)
  const written = await newTombstones(store, prefix, spec, tombstones, signal)
  for (const tombstone of written) {
    if (!dryRun) await writeTombstone(store, prefix, tombstone, signal)
    log.info({ version: tombstone.sequence, until: tombstone.until }, dryRun ? 'would get a tombstone' : 'tombstone')
    tombstones.set(tombstone.sequence, tombstone)
  }
  const gone = new Set(await endGraces(store, prefix, ended, dryRun, signal))
  for (const { sequence } of ended) if (!gone.has(sequence)) tombstones.delete(sequence)
  const remover = new Remover(store, { limit: spec.limit, dryRun, log, signal })
  const scene = { store, prefix, spec, tombstones, gone, remover, signal }
  await sweepUploads(scene)
  if (!remover.more) await sweepUnreferenced(scene)
  if (!remover.more && !dryRun) await closeGraves(scene)
  return {
    tombstoned: written.filter(({ reason }) => reason === 'Deleted').length,
    purged: remover.more ? [] : [...gone],
    objects: remover.objects,
    bytes: remover.bytes,
    more: remover.more,
    tombstones: [...tombstones.values()],
  }
}
