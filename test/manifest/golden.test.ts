import { readdirSync, readFileSync } from 'node:fs'
import { gunzipSync } from 'node:zlib'
import { expect, test } from 'vitest'
import { readManifest } from '../../src/manifest/read.ts'
import { commitBytes, layoutBytes, parseCommit, parseLayout } from '../../src/manifest/records.ts'
import { parseRoot } from '../../src/manifest/root.ts'
import { writeManifest } from '../../src/manifest/write.ts'
import { collect, memorySink } from '../helpers/memory-sink.ts'
import { commit, layout, tree } from './layout1.ts'

// These bytes are in people's buckets. If a test here fails, the code is wrong, never the file.
const golden = new URL('../golden/layout1/', import.meta.url)
const bytes = (path: string) => readFileSync(new URL(path, golden))
const [rootFile] = readdirSync(new URL('roots/', golden)) as [string]
const rootSha = rootFile.replace('.json', '')
const [shardSha] = readdirSync(new URL('manifests/', golden)).map((name) => name.split('.')[0]) as [string]

test('a written tree has the bytes of the golden files', async () => {
  const memory = memorySink()
  const { rootDigest, root } = await writeManifest(tree, memory.sink)
  expect(rootDigest).toBe(rootSha)
  expect([...memory.shards.keys()]).toEqual([shardSha])
  expect(gunzipSync(memory.shards.get(shardSha)!)).toEqual(bytes(`manifests/${shardSha}.ndjson`))
  expect(Buffer.from(memory.roots.get(rootSha)!)).toEqual(bytes(`roots/${rootSha}.json`))
  expect(commitBytes(commit(rootDigest, root.digest, root.files, root.bytes))).toEqual(bytes('versions/v2.json'))
  expect(layoutBytes(layout)).toEqual(bytes('LAYOUT.json'))
})

test('the golden files read as the tree', async () => {
  const root = parseRoot(bytes(`roots/${rootSha}.json`), rootSha)
  async function* fetch(sha256: string) {
    yield bytes(`manifests/${sha256}.ndjson.gz`)
  }
  expect(await collect(readManifest(root, fetch))).toEqual(tree)
  expect(parseCommit(bytes('versions/v2.json'), 'v2')).toEqual(commit(rootSha, root.digest, root.files, root.bytes))
  expect(parseLayout(bytes('LAYOUT.json'))).toEqual(layout)
})
