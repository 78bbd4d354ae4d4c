import { expect } from 'vitest'
import type { Intent } from '../../src/api/move.ts'
import { dataKey, layoutKey, rootKey, shardKey, tombstoneKey, versionKey } from '../../src/manifest/keys.ts'
import { parseTombstone } from '../../src/manifest/marks.ts'
import { parseCommit } from '../../src/manifest/records.ts'
import { finalize } from '../../src/mover/finalize.ts'
import { runImport } from '../../src/mover/import.ts'
import { runSweep } from '../../src/mover/sweep.ts'
import { verify } from '../../src/mover/verify.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { fetchRoot } from '../../src/transfer/manifest-store.ts'
import { readVersion } from '../../src/transfer/read-version.ts'
import { collect } from '../helpers/memory-sink.ts'
import { memoryStore } from '../helpers/memory-store.ts'
import { at, moveDeps } from '../helpers/move-deps.ts'

export const prefix = 'granary/vision/mnist/'
export const dataset = { namespace: 'vision', name: 'mnist', uid: 'uid-1' }
export const hour = 3_600_000
export const start = Date.parse('2026-01-01T00:00:00Z')

export interface Sweeping {
  tombstones?: { sequence: number; until: number }[]
  restore?: number[]
  open?: number[]
  next: number
  tags?: Record<string, number>
  quiet?: boolean
  all?: boolean
  limit?: number
  dryRun?: boolean
  everything?: boolean
}

/** A source, a store, a clock; what movers do with them. */
export const storeWorld = () => {
  const store = memoryStore()
  const source = memoryStore('memory://source')
  const world = { now: start }
  store.now = () => world.now
  const iso = (ms: number) => new Date(ms).toISOString()
  const depsFor = (own: ObjectStore) => ({ ...moveDeps({ store: own, source }, '/nowhere').deps, now: () => world.now })

  const records = () =>
    [...store.objects]
      .filter(([key]) => key.startsWith(`${prefix}versions/`))
      .map(([key, bytes]) => parseCommit(bytes, key))
      .sort((a, b) => a.sequence - b.sequence)

  /** One import; the parent is the version of that number, as the store has it. */
  const importAs = (own: ObjectStore, sequence: number, parent?: number) => {
    const record = records().find((one) => one.sequence === parent)
    const intent: Intent = { sequence, createdAt: iso(start), ...(parent === undefined ? {} : { parent }) }
    return runImport(depsFor(own), {
      op: 'Import',
      dataset,
      store: at('store', prefix),
      source: at('source', 'raw/'),
      mode: 'Copy',
      allowEmpty: true,
      intent,
      ...(record ? { parent: { sequence: record.sequence, root: record.root, digest: record.digest } } : {}),
    })
  }

  /** The output in a directory becomes a version. `uid`: that of the Dataset of another cluster. */
  const finalizeAs = (own: ObjectStore, sequence: number, data: string, parent?: number, uid = dataset.uid) => {
    const record = records().find((one) => one.sequence === parent)
    const intent: Intent = { sequence, createdAt: iso(start), ...(parent === undefined ? {} : { parent }) }
    return finalize(
      { ...depsFor(own), data },
      {
        op: 'Finalize',
        dataset: { ...dataset, uid },
        store: at('store', prefix),
        allowEmpty: true,
        intent,
        ...(record ? { base: { sequence: record.sequence, root: record.root, digest: record.digest } } : {}),
      },
    )
  }

  const sweepWith = (own: ObjectStore, sweeping: Sweeping) => {
    const { tombstones = [], tags = {}, ...rest } = sweeping
    return runSweep(depsFor(own), {
      op: 'Sweep',
      dataset,
      store: at('store', prefix),
      now: iso(world.now),
      tombstones: tombstones.map(({ sequence, until }) => ({ sequence, until: iso(until) })),
      tags: Object.entries(tags).flatMap(([name, sequence]) => {
        const record = records().find((one) => one.sequence === sequence)
        return record ? [{ name, sequence, digest: record.digest, movedAt: iso(start) }] : []
      }),
      restore: [],
      open: [],
      quiet: true,
      all: true,
      settle: hour,
      limit: 100_000,
      ...rest,
    })
  }

  /** Every version that has a record reads back byte for byte. */
  const expectSound = async () => {
    for (const { sequence, root, digest } of records()) {
      const version = { sequence, root, digest }
      const found = await verify(depsFor(store), {
        op: 'Verify',
        store: at('store', prefix),
        version,
        what: 'Store',
        depth: 'Full',
      })
      expect(found, `v${sequence}`).toMatchObject({ outcome: 'Sound' })
    }
  }

  const filesOf = async (sequence: number, root: string) =>
    (await collect(readVersion(store, prefix, root)))
      .filter(({ u, l }) => u === undefined && l === undefined)
      .map(({ p, o }) => ({ owner: o ?? sequence, key: dataKey(prefix, o ?? sequence, p) }))

  /** The keys that versions with records need, and what is said about the rest. */
  const neededKeys = async (): Promise<string[]> => {
    const needed = new Set(store.objects.has(layoutKey(prefix)) ? [layoutKey(prefix)] : [])
    const committed = records()
    const known = new Set(committed.map(({ sequence }) => sequence))
    for (const { sequence, root } of committed) {
      needed.add(versionKey(prefix, sequence)).add(rootKey(prefix, root))
      for (const { sha256 } of (await fetchRoot(store, prefix, root)).shards) needed.add(shardKey(prefix, sha256))
      for (const { owner, key } of await filesOf(sequence, root)) {
        needed.add(key)
        if (!known.has(owner)) needed.add(tombstoneKey(prefix, owner))
      }
    }
    return [...needed].sort()
  }

  const tombstones = () =>
    [...store.objects]
      .filter(([key]) => key.startsWith(`${prefix}tombstones/`))
      .map(([key, bytes]) => parseTombstone(bytes, key))

  return {
    store,
    source,
    world,
    importAs,
    finalizeAs,
    sweepWith,
    records,
    expectSound,
    neededKeys,
    tombstones,
  }
}
