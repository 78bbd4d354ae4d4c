import { compareUtf8 } from '../../lib/utf8.ts'
import { dataPrefix } from '../../manifest/keys.ts'
import { readShards } from '../../manifest/read.ts'
import type { Shard } from '../../manifest/types.ts'
import type { ObjectStore } from '../../stores/object-store.ts'
import { shardsOf } from '../manifest-store.ts'
import type { Living, LivingVersion } from './living.ts'
import type { Remover } from './remover.ts'

/** Files that are held in memory at a time. */
const chunkSize = 20_000

interface Scene {
  store: ObjectStore
  prefix: string
  living: Living
  /** Versions whose records are about to go: they refer to nothing any more. */
  leaving: ReadonlySet<number>
  remover: Remover
  signal: AbortSignal
}

/** Files of one version's directory, by path in its order, that may have to go. */
type Chunk = Map<string, number>

const overlaps = ({ first, last }: Shard, low: string, high: string): boolean =>
  compareUtf8(first, high) <= 0 && compareUtf8(last, low) >= 0

/** Takes out of the chunk what these versions refer to in the directory of `owner`. Each shard is read once. */
const dropReferenced = async (
  scene: Scene,
  chunk: Chunk,
  owner: number,
  versions: readonly LivingVersion[],
): Promise<void> => {
  const paths = [...chunk.keys()]
  const [low = '', high = ''] = [paths[0], paths.at(-1)]
  const fetch = shardsOf(scene.store, scene.prefix, scene.signal)
  const seen = new Set<string>()
  // The owner's own manifest first: of a version that stays it names all of them.
  for (const { sequence, root } of versions.toSorted(
    (a, b) => Number(b.sequence === owner) - Number(a.sequence === owner),
  )) {
    if (chunk.size === 0) return
    // A line without `o` means the version that the manifest belongs to, so a shard says more in its own.
    const isOwn = sequence === owner
    const shards = root.shards.filter((shard) => overlaps(shard, low, high) && !seen.has(`${isOwn}${shard.sha256}`))
    for (const { sha256 } of shards) seen.add(`${isOwn}${sha256}`)
    for await (const { p, o } of readShards(shards, fetch)) if ((o ?? sequence) === owner) chunk.delete(p)
  }
}

const sweepChunk = async (scene: Scene, owner: number, chunk: Chunk): Promise<void> => {
  const { living, remover, leaving } = scene
  let versions = [...living.versions.values()]
  // The second look: what was committed while this run read manifests counts too.
  while (chunk.size > 0 && versions.length > 0) {
    await dropReferenced(scene, chunk, owner, versions)
    versions = await living.look(leaving)
  }
  const data = dataPrefix(scene.prefix, owner)
  await remover.remove([...chunk].map(([path, size]) => ({ key: `${data}${path}`, size })))
}

/** Removes the files in the directory of a number that no committed version refers to. */
export const sweepFiles = async (scene: Scene, owner: number): Promise<void> => {
  const data = dataPrefix(scene.prefix, owner)
  let chunk: Chunk = new Map()
  for await (const { key, size } of scene.store.list(data, { signal: scene.signal })) {
    chunk.set(key.slice(data.length), size)
    if (chunk.size < chunkSize) continue
    await sweepChunk(scene, owner, chunk)
    chunk = new Map()
    if (scene.remover.more) return
  }
  if (chunk.size > 0) await sweepChunk(scene, owner, chunk)
}
