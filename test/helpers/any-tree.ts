import {
  chmodSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join } from 'node:path'
import fc from 'fast-check'
import { linkProblem } from '../../src/manifest/paths.ts'
import { BigUploads } from '../../src/transfer/sync/big-uploads.ts'
import { type Destination, isStore, type Source } from '../../src/transfer/sync/ends.ts'
import { SyncRecord } from '../../src/transfer/sync/record.ts'
import { type Synced, sync } from '../../src/transfer/sync/run.ts'
import { TreeWriter } from '../../src/transfer/sync/tree-file.ts'

export type Leaf = { bytes: string; executable: boolean } | { target: string }

/** A tree by path: a name is a file, a link or a directory, never two of them. */
const segment = fc.string({
  unit: fc.constantFrom('a', 'b', '-', '.', ' ', 'é', '\u{10000}', '%', '&'),
  minLength: 1,
  maxLength: 3,
})
const path = fc
  .array(segment, { minLength: 1, maxLength: 3 })
  .map((segments) => segments.join('/'))
  // MinIO refuses them with spaces around, too.
  .filter((text) => text.split('/').every((name) => !['.', '..'].includes(name.trim())))
const leaf: fc.Arbitrary<Leaf> = fc.oneof(
  fc.record({ bytes: fc.string({ maxLength: 20 }), executable: fc.boolean() }),
  fc.record({ target: fc.constantFrom('a', 'b/é', './a', 'a b') }),
)
export const anyTree = fc.array(fc.tuple(path, leaf), { minLength: 1, maxLength: 12 }).map((entries) => {
  const found = new Map<string, Leaf>()
  for (const [at, what] of entries) {
    const crossing = [...found.keys()].some(
      (other) => `${other}/`.startsWith(`${at}/`) || `${at}/`.startsWith(`${other}/`),
    )
    if (!crossing && ('bytes' in what || linkProblem(at, what.target) === undefined)) found.set(at, what)
  }
  return found
})

export const plantTree = (root: string, leaves: Map<string, Leaf>) => {
  mkdirSync(root, { recursive: true })
  for (const [at, what] of leaves) {
    mkdirSync(dirname(join(root, at)), { recursive: true })
    if ('target' in what) symlinkSync(what.target, join(root, at))
    else writeFileSync(join(root, at), what.bytes)
    if ('bytes' in what) chmodSync(join(root, at), what.executable ? 0o755 : 0o644)
  }
}

/** What is below a directory: whether it may be run, and its bytes or where it leads. */
export const seenTree = (root: string, prefix = ''): Record<string, string> => {
  const all: Record<string, string> = {}
  for (const name of readdirSync(join(root, prefix))) {
    const at = join(prefix, name)
    const stats = lstatSync(join(root, at))
    if (stats.isDirectory()) Object.assign(all, seenTree(root, at))
    else if (stats.isSymbolicLink()) all[at] = `-> ${readlinkSync(join(root, at))}`
    else all[at] = `${(stats.mode & 0o111) !== 0 ? 'x' : '-'} ${readFileSync(join(root, at), 'utf8')}`
  }
  return all
}

const silent = { expect: () => {}, kept: () => {}, bytes: () => {}, files: () => {} }

/** Copies as a process would: with a record of its own, opened and closed. */
export const copyTree = async (
  state: string,
  from: Source,
  to: Destination,
  options: { prune?: boolean; include?: string[] } = {},
): Promise<Synced> => {
  SyncRecord.makeDirectory(state)
  const record = new SyncRecord(state, 'boot', async () => {})
  await record.open()
  if (!isStore(to)) await to.target.open()
  const uploads = new BigUploads(join(state, 'uploads'))
  const writer = new TreeWriter(join(state, 'tree'))
  try {
    const how = { from, to, record, uploads, tree: writer, prune: false, ...options }
    return await sync(how, silent, new AbortController().signal)
  } finally {
    if (!isStore(to)) await to.target.close(true)
  }
}
