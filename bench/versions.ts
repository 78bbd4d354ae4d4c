/**
 * Versions of many files as movers handle them: commit, commit the next one with one file in a hundred changed, compare the two, verify by listing, sweep the
 * first away. Manifests and records lie in a directory; the listing of the files themselves is made up, since only its length matters here. All in one
 * process; prints seconds and the peak of memory, and fails above 256 MiB.
 *
 *     npm run bench:versions -- [files]
 */
import { hash } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diff } from '../src/manifest/diff.ts'
import { dataPrefix } from '../src/manifest/keys.ts'
import type { Entry } from '../src/manifest/types.ts'
import { writeManifest } from '../src/manifest/write.ts'
import { openDirectoryStore } from '../src/stores/directory/store.ts'
import type { ListedObject, ObjectStore } from '../src/stores/object-store.ts'
import { claimDirectory, commit, readCommit } from '../src/transfer/commit.ts'
import { Findings } from '../src/transfer/findings.ts'
import { fetchRoot, manifestSink, shardsOf } from '../src/transfer/manifest-store.ts'
import { readVersion } from '../src/transfer/read-version.ts'
import { sweep } from '../src/transfer/sweep/sweep.ts'
import { verifyListing } from '../src/transfer/verify-store.ts'

const files = Number(process.argv[2] ?? 1_000_000)
const limit = 256
const prefix = 'granary/bench/many/'
const dataset = { namespace: 'bench', name: 'many', uid: 'uid' }
const { signal } = new AbortController()
const quiet = { info: () => {}, warn: () => {} }
const none = { expect: () => {}, files: () => {}, bytes: () => {} }
const now = '2026-01-01T00:00:00Z'

const isNew = (i: number, sequence: number) => sequence === 1 || i % 100 === 1
const pathOf = (i: number) => {
  const [folder, name] = [String(Math.floor(i / 1000)).padStart(6, '0'), String(i % 1000).padStart(4, '0')]
  return `train/n${folder}/ILSVRC2012_val_${name}.JPEG`
}

function* entries(sequence: number): Generator<Entry> {
  for (let i = 0; i < files; i++) {
    const own = isNew(i, sequence)
    const entry = { p: pathOf(i), s: 100_000 + i, h: hash('sha256', `${i} ${own ? sequence : 1}`) }
    yield own ? entry : { ...entry, o: 1 }
  }
}

/** Files of a version that were not removed yet, as a listing gives them. */
const removed = new Set<string>()
async function* listing(sequence: number): AsyncGenerator<ListedObject> {
  const data = dataPrefix(prefix, sequence)
  for (let i = 0; i < files; i++) {
    if (!isNew(i, sequence)) continue
    const key = `${data}${pathOf(i)}`
    if (!removed.has(key)) yield { key, size: 100_000 + i }
  }
}

const storeAt = (directory: string): ObjectStore => {
  const inner = openDirectoryStore(directory)
  const list: ObjectStore['list'] = (wanted, options) => {
    const sequence = [1, 2].find((n) => wanted === dataPrefix(prefix, n))
    if (sequence !== undefined) return listing(sequence)
    return wanted === `${prefix}data/` ? directories(options?.startAfter) : inner.list(wanted, options)
  }
  const remove = async (keys: string[]) => {
    for (const key of keys) if (key.startsWith(`${prefix}data/`)) removed.add(key)
    await inner.remove(keys.filter((key) => !key.startsWith(`${prefix}data/`)))
  }
  return { ...inner, list, remove, abortUploads: async () => 0 }
}

/** The first file of each version's directory. */
async function* directories(startAfter = ''): AsyncGenerator<ListedObject> {
  for (const n of [1, 2]) {
    const key = `${dataPrefix(prefix, n)}${pathOf(1)}`
    if (key > startAfter) yield { key, size: 1 }
  }
}

const count = async (items: AsyncIterable<unknown>) => {
  let n = 0
  for await (const _ of items) n++
  return n
}

const phases = (store: ObjectStore): Record<string, () => Promise<string>> => {
  const commitAs = async (sequence: number) => {
    const { root, rootDigest } = await writeManifest(entries(sequence), manifestSink(store, prefix, signal))
    const parent = sequence > 1 ? { parent: sequence - 1 } : {}
    const { digest, bytes } = root
    const record = { layout: 1 as const, dataset, sequence, createdAt: now, root: rootDigest, digest, files, bytes }
    await commit(store, prefix, { ...record, ...parent }, { builtOn: parent.parent })
    return `${root.files} files in ${root.shards.length} shards`
  }
  const rootOf = async (sequence: number) => {
    const record = await readCommit(store, prefix, sequence)
    return fetchRoot(store, prefix, record?.root ?? '')
  }
  const sweepAt = async (at: string, tombstones: { sequence: number; until: string }[]) => {
    const scope = { store, prefix, log: quiet, signal }
    const rest = { open: [], next: 3, settle: 0, quiet: true, all: false, limit: 1_000_000 }
    const { objects } = await sweep(scope, { now: at, tombstones, ...rest })
    return `${objects} objects removed`
  }
  return {
    'commit v1': async () => {
      await claimDirectory(store, prefix, dataset, () => new Date(now))
      return commitAs(1)
    },
    'commit v2': () => commitAs(2),
    'diff v1 v2': async () => {
      const changes = diff(await rootOf(1), await rootOf(2), shardsOf(store, prefix, signal))
      return `${await count(changes)} changes`
    },
    'verify v2 by listing': async () => {
      const findings = new Findings(quiet)
      const { root = '' } = (await readCommit(store, prefix, 2)) ?? {}
      const read = readVersion(store, prefix, root, signal)
      await verifyListing({ store, prefix, sequence: 2 }, '', read, findings, none, signal)
      return `${findings.files} files, ${findings.bad} bad`
    },
    'sweep v1': async () => {
      await sweepAt(now, [{ sequence: 1, until: now }])
      return sweepAt('2026-01-02T00:00:00Z', [])
    },
  }
}

const directory = await mkdtemp(join(tmpdir(), 'granary-versions-'))
try {
  console.log(`${files} files`)
  for (const [name, work] of Object.entries(phases(storeAt(directory)))) {
    const start = performance.now()
    const what = await work()
    const seconds = ((performance.now() - start) / 1000).toFixed(1)
    const peak = Math.round(process.resourceUsage().maxRSS / 1024)
    console.log(`${name}: ${what}, ${seconds} s, peak so far ${peak} MiB`)
  }
  const peak = Math.round(process.resourceUsage().maxRSS / 1024)
  if (peak > limit) {
    console.error(`${peak} MiB is above ${limit} MiB`)
    process.exitCode = 1
  }
} finally {
  await rm(directory, { recursive: true })
}
