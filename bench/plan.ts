/**
 * What a copy of many objects takes beside the network and the disk: both sides are made up. First all are new, then none:
 *
 *     node --max-semi-space-size=8 bench/plan.ts [objects]
 *
 * Fails if either takes more than 256 MiB.
 */
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type ObjectStore, StoreError } from '../src/stores/object-store.ts'
import { BigUploads } from '../src/transfer/sync/big-uploads.ts'
import { SyncRecord } from '../src/transfer/sync/record.ts'
import { sync } from '../src/transfer/sync/run.ts'
import { TreeWriter } from '../src/transfer/sync/tree-file.ts'

const [objects = '1000000', phase, dir = ''] = process.argv.slice(2)
const limit = 256
const sha256 = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
const etag = 'd41d8cd98f00b204e9800998ecf8427e'

/** A store with objects without bytes, as many as asked for; what is written to it vanishes. */
const imagined = (count: number): ObjectStore => {
  const info = { size: 0, etag }
  const none = async () => {
    throw new StoreError('not-found', 'nothing is there')
  }
  return {
    name: 'imagined://store',
    width: 32,
    async *list() {
      for (let i = 0; i < count; i++) {
        const folder = String(Math.floor(i / 1000)).padStart(6, '0')
        yield { key: `train/n${folder}/ILSVRC2012_val_${String(i).padStart(8, '0')}.JPEG`, size: 0, etag }
      }
    },
    head: async () => undefined,
    get: none,
    download: async () => ({ info, sha256 }),
    put: async () => info,
    upload: async () => info,
    uploadFile: async () => ({ info, sha256 }),
    remove: async () => {},
    abortUploads: async () => 0,
    probe: none,
    keepsVersions: async () => false,
    close: async () => {},
  }
}

const run = async (there: number) => {
  SyncRecord.makeDirectory(dir)
  const record = new SyncRecord(dir, 'boot', async () => {})
  await record.open()
  const [from, to] = [imagined(Number(objects)), imagined(there)].map((store) => ({ store, prefix: '' }))
  const silent = { expect: () => {}, kept: () => {}, bytes: () => {}, files: () => {} }
  const [uploads, tree] = [new BigUploads(join(dir, 'uploads')), new TreeWriter(join(dir, 'tree'))]
  const how = { from: from!, to: to!, record, uploads, tree, prune: false }
  return sync(how, silent, new AbortController().signal)
}

if (phase === undefined) {
  const scratch = mkdtempSync(join(tmpdir(), 'granary-bench-'))
  try {
    for (const each of ['new', 'unchanged']) {
      const args = [...process.execArgv, import.meta.filename, objects, each, join(scratch, 'record')]
      if (spawnSync(process.execPath, args, { stdio: 'inherit' }).status !== 0) process.exitCode = 1
    }
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
} else {
  const start = performance.now()
  const { moved, unchanged } = await run(phase === 'new' ? 0 : Number(objects))
  const [seconds, peak] = [(performance.now() - start) / 1000, process.resourceUsage().maxRSS / 1024]
  console.log(`${phase}: ${moved} moved, ${unchanged} unchanged, ${seconds.toFixed(1)} s, ${peak.toFixed(0)} MiB`)
  if (peak > limit || moved + unchanged !== Number(objects)) process.exitCode = 1
}
