import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { joinEntries } from '../manifest/diff.ts'
import { type FetchShard, readManifest } from '../manifest/read.ts'
import type { Entry, Root } from '../manifest/types.ts'
import type { Progress } from '../mover/progress.ts'
import { fetchEntry, type Origin, widthOf } from './fetch.ts'
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

const fileOf = (entry: Entry) => ({ size: entry.s!, sha256: entry.h!, executable: entry.x === 1 })

const download = ({ origin }: Filling, tree: Tree, entry: Entry, progress: Progress, signal: AbortSignal) =>
  tree.write(entry.p, fileOf(entry), (fd) => fetchEntry(origin, entry, { fd }, progress.bytes, signal))

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
    await forEach(entries(), widthOf(filling.origin), place, signal)
  } finally {
    await tree.close()
  }
  await tree.seal(signal)
  // One syncfs for all small files, their names and the directories' modes.
  await promisify(execFile)('sync', ['-f', data])
}
