/**
 * Writes, reads and compares manifests of many files, each in a process of its own, and prints its seconds and its peak of memory:
 * `node bench/manifest.ts [files]`. Shards go to a temporary directory, as they go to a store. Fails if a peak is above 256 MiB.
 */
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { diff } from '../src/manifest/diff.ts'
import { readManifest } from '../src/manifest/read.ts'
import type { Entry, Root } from '../src/manifest/types.ts'
import { writeManifest } from '../src/manifest/write.ts'

const [files = '1000000', phase, dir = ''] = process.argv.slice(2)
const limit = 256

/** Paths as data sets have them, in order; every `changed`th file has other bytes. */
async function* entries(changed: number): AsyncGenerator<Entry> {
  for (let i = 0; i < Number(files); i++) {
    const [folder, name] = [String(Math.floor(i / 1000)).padStart(6, '0'), String(i % 1000).padStart(4, '0')]
    const h = createHash('sha256')
      .update(`${i}${i % changed === 1}`)
      .digest('hex')
    yield { p: `train/n${folder}/ILSVRC2012_val_${name}.JPEG`, s: 100_000 + i, h }
  }
}

const write = async (name: string, changed: number) => {
  const { root } = await writeManifest(entries(changed), {
    shard: (sha256, gz) => writeFile(join(dir, sha256), gz),
    root: (_, bytes) => writeFile(join(dir, name), bytes),
  })
  return `${root.shards.length} shards`
}
const rootOf = (name: string) => JSON.parse(readFileSync(join(dir, name), 'utf8')) as Root
const fetch = (sha256: string) => createReadStream(join(dir, sha256))
const count = async (items: AsyncIterable<unknown>) => {
  let n = 0
  for await (const _ of items) n++
  return n
}

const phases: Record<string, () => Promise<string>> = {
  write: () => write('one', Number.POSITIVE_INFINITY),
  'write another': () => write('two', 200_000),
  read: async () => `${await count(readManifest(rootOf('one'), fetch))} lines`,
  diff: async () => `${await count(diff(rootOf('one'), rootOf('two'), fetch))} changes`,
}

const run = async (name: string) => {
  const start = performance.now()
  const what = await phases[name]!()
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  const peak = Math.round(process.resourceUsage().maxRSS / 1024)
  console.log(`${name}: ${what}, ${seconds} s, peak ${peak} MiB`)
  if (peak <= limit) return
  console.error(`that is above ${limit} MiB`)
  process.exitCode = 1
}

const runAll = async () => {
  const scratch = await mkdtemp(join(tmpdir(), 'granary-bench-'))
  try {
    console.log(`${files} files`)
    for (const name of Object.keys(phases)) {
      const { status } = spawnSync(process.execPath, [import.meta.filename, files, name, scratch], { stdio: 'inherit' })
      if (status !== 0) process.exitCode = 1
    }
  } finally {
    await rm(scratch, { recursive: true })
  }
}

await (phase === undefined ? runAll() : run(phase))
