import { compareUtf8 } from '../lib/utf8.ts'
import { readManifest, readShards } from '../manifest/read.ts'
import type { Entry, Shard } from '../manifest/types.ts'
import type { Compared } from './compare-versions.ts'

/** Whether a shard can hold a path that starts so. */
const mayHold = ({ first, last }: Shard, start: string): boolean =>
  compareUtf8(last, start) >= 0 && (first.startsWith(start) || compareUtf8(first, start) <= 0)

/** The lines whose path starts so, in order; of the manifest only the shards that may hold them are read. */
export async function* entriesBelow({ root, fetch }: Compared, start: string): AsyncGenerator<Entry> {
  if (start === '') {
    yield* readManifest(root, fetch)
    return
  }
  const shards = root.shards.filter((shard) => mayHold(shard, start))
  for await (const entry of readShards(shards, fetch)) if (entry.p.startsWith(start)) yield entry
}

/** A path and what is below it. */
export async function* entriesAt(version: Compared, path: string): AsyncGenerator<Entry> {
  const bare = path.replace(/\/$/, '')
  for await (const entry of entriesBelow(version, bare))
    if (bare === '' || entry.p === bare || entry.p.startsWith(`${bare}/`)) yield entry
}
