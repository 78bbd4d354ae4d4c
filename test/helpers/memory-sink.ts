import type { ManifestSink } from '../../src/manifest/write.ts'

/** Keeps what a manifest writer writes, and gives it back to readers. */
export const memorySink = () => {
  const shards = new Map<string, Uint8Array>()
  const roots = new Map<string, Uint8Array>()
  const sink: ManifestSink = {
    shard: async (sha256, gz) => void shards.set(sha256, gz),
    root: async (sha256, bytes) => void roots.set(sha256, bytes),
  }
  /** Which shards were asked for. */
  const fetched: string[] = []
  async function* fetch(sha256: string): AsyncGenerator<Uint8Array> {
    fetched.push(sha256)
    const gz = shards.get(sha256)
    if (gz === undefined) throw new Error(`no shard ${sha256}`)
    for (let at = 0; at < gz.length; at += 1000) yield gz.subarray(at, at + 1000)
  }
  return { sink, shards, roots, fetch, fetched }
}

export const collect = async <T>(items: AsyncIterable<T>): Promise<T[]> => {
  const all: T[] = []
  for await (const item of items) all.push(item)
  return all
}
