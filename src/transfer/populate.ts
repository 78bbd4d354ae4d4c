import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { joinEntries } from '../manifest/diff.ts'
import { type FetchShard, readManifest } from '../manifest/read.ts'
import type { Entry, Root } from '../manifest/types.ts'
import type { Progress } from '../mover/progress.ts'
import { StoreError } from '../stores/object-store.ts'
import { mismatch, type Origin, openEntry, readFailure } from './fetch.ts'
import { forEach } from './pool.ts'
import { checkSpace } from './space.ts'
import { type Modes, Tree } from './tree.ts'
import { walk } from './walk.ts'

export interface Filling {
  data: string
  origin: Origin
  root: Root
  fetchShard: FetchShard
  modes: Modes
  capacity?: number | undefined
}

/** Files under way at a time: each holds a connection and some chunks. */
const width = 16
/** A body that came altered may have been altered on the way: it is read this often before the store is blamed. */
const tries = 2

const fileOf = (entry: Entry) => ({ size: entry.s!, sha256: entry.h!, executable: entry.x === 1 })

const download = async (filling: Filling, tree: Tree, entry: Entry, progress: Progress, signal: AbortSignal) => {
  for (let attempt = 1; attempt <= tries; attempt++) {
    const body = await openEntry(filling.origin, entry, signal)
    try {
      if (await tree.write(entry.p, body, fileOf(entry), progress.bytes)) return
    } catch (error) {
      const damaged = error instanceof StoreError && error.failure === 'corrupt'
      if (!damaged || attempt === tries) throw readFailure(filling.origin, entry, error)
    } finally {
      body.destroy()
    }
  }
  throw mismatch(filling.origin, entry, 'has another sha256 than the manifest says')
}

/** Removes what the manifest lacks. Whether there was anything at all. */
const clearLeftovers = async (filling: Filling, tree: Tree, entries: AsyncIterable<Entry>, signal: AbortSignal) => {
  const found = walk(filling.data, { ignore: tree.scratch, signal })
  const first = await found.next()
  if (first.done) return false
  const there = (async function* () {
    yield first.value
    yield* found
  })()
  for await (const { a, b } of joinEntries(there, entries)) {
    if (a !== undefined && b === undefined) await tree.remove(a.p)
  }
  return true
}

/**
 * Brings a volume to exactly the files of a version, each checked against size and sha256 while it is written, and all of it on the disk before it
 * returns. What an earlier attempt left is kept where its bytes are right and removed where the manifest lacks it.
 */
export const populateVolume = async (filling: Filling, progress: Progress, signal: AbortSignal): Promise<void> => {
  const { data, root } = filling
  const entries = () => readManifest(root, filling.fetchShard)
  await checkSpace(data, root, entries, filling.capacity, signal)
  progress.expect(root.files, root.bytes)
  const tree = new Tree(data, filling.modes)
  await tree.open()
  try {
    const resumed = await clearLeftovers(filling, tree, entries(), signal)
    const place = async (entry: Entry, stop: AbortSignal) => {
      if (entry.l !== undefined) await tree.link(entry.p, entry.l)
      else if (resumed && (await tree.keeps(entry.p, fileOf(entry), stop))) progress.bytes(entry.s!)
      else await download(filling, tree, entry, progress, stop)
      progress.files(1)
    }
    await forEach(entries(), width, place, signal)
  } finally {
    await tree.close()
  }
  await tree.seal(signal)
  // One syncfs for all small files, their names and the directories' modes.
  await promisify(execFile)('sync', ['-f', data])
}
