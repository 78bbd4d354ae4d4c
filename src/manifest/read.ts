import { isUtf8 } from 'node:buffer'
import { createHash } from 'node:crypto'
import { Readable } from 'node:stream'
import { createGunzip } from 'node:zlib'
import { sha256Hex } from './digest.ts'
import { ManifestError } from './error.ts'
import { contentLine, parseLine } from './line.ts'
import { PathSequence } from './sequence.ts'
import type { Entry, Root, Shard } from './types.ts'

/** Gives the gzip bytes of manifests/<sha256>.ndjson.gz. */
export type FetchShard = (sha256: string) => Promise<AsyncIterable<Uint8Array>> | AsyncIterable<Uint8Array>

/** No shard that layout 1 can make is longer than this, uncompressed; more is an attack on memory. */
const maxShardBytes = 256 * 1024 * 1024

const inflate = async (gz: AsyncIterable<Uint8Array>, sha256: string): Promise<Buffer> => {
  const source = Readable.from(gz, { objectMode: false })
  const gunzip = createGunzip()
  source.on('error', (error) => gunzip.destroy(error))
  source.pipe(gunzip)
  const parts: Buffer[] = []
  let length = 0
  try {
    for await (const part of gunzip as AsyncIterable<Buffer>) {
      length += part.length
      if (length > maxShardBytes) throw new ManifestError(`shard ${sha256} is longer than any shard can be`)
      parts.push(part)
    }
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code
    if (code?.startsWith('Z_') || code === 'ERR_BUFFER_TOO_LARGE')
      throw new ManifestError(`shard ${sha256} is no valid gzip`)
    throw error
  } finally {
    source.destroy()
    gunzip.destroy()
  }
  return Buffer.concat(parts, length)
}

function* lines(plain: Buffer): Generator<string> {
  let start = 0
  while (start < plain.length) {
    const end = plain.indexOf(10, start)
    if (end < 0) throw new ManifestError('the last line of a shard has no end')
    yield plain.toString('utf8', start, end)
    start = end + 1
  }
}

/** One shard whole, after its sha256 was checked: what comes out are bytes that the root names. */
const fetchPlain = async (shard: Shard, fetch: FetchShard): Promise<Buffer> => {
  const plain = await inflate(await fetch(shard.sha256), shard.sha256)
  if (sha256Hex(plain) !== shard.sha256)
    throw new ManifestError(`shard ${shard.sha256} has other bytes than its name says`)
  if (!isUtf8(plain)) throw new ManifestError(`shard ${shard.sha256} is not UTF-8`)
  return plain
}

function* shardEntries(shard: Shard, plain: Buffer): Generator<Entry> {
  let [n, bytes] = [0, 0]
  let last = ''
  for (const line of lines(plain)) {
    const entry = parseLine(line)
    if (n === 0 && entry.p !== shard.first)
      throw new ManifestError(`shard ${shard.sha256} starts with another path`, entry.p)
    n++
    bytes += entry.s ?? 0
    last = entry.p
    yield entry
  }
  if (n !== shard.n || bytes !== shard.bytes || last !== shard.last)
    throw new ManifestError(`shard ${shard.sha256} is not what its root says`)
}

/**
 * The entries of some shards of a root, in order; a hostile or broken shard ends it with a ManifestError. The next shard is fetched while one is read,
 * so at most two are in memory.
 */
export async function* readShards(shards: readonly Shard[], fetch: FetchShard): AsyncGenerator<Entry> {
  const sequence = new PathSequence()
  const start = (index: number) => {
    const shard = shards[index]
    const plain = shard && fetchPlain(shard, fetch)
    plain?.catch(() => {}) // awaited one round later
    return plain
  }
  let next = start(0)
  for (const [index, shard] of shards.entries()) {
    const plain = await next!
    next = start(index + 1)
    for (const entry of shardEntries(shard, plain)) {
      sequence.add(entry.p)
      yield entry
    }
  }
}

/** All entries of a manifest. At the end the content digest is checked too. */
export async function* readManifest(root: Root, fetch: FetchShard): AsyncGenerator<Entry> {
  const content = createHash('sha256')
  for await (const entry of readShards(root.shards, fetch)) {
    content.update(`${contentLine(entry)}\n`)
    yield entry
  }
  if (content.digest('hex') !== root.digest)
    throw new ManifestError('the content digest of a manifest is not what its root says')
}
