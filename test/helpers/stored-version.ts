import { createHash } from 'node:crypto'
import { compareUtf8 } from '../../src/lib/utf8.ts'
import { dataKey } from '../../src/manifest/keys.ts'
import type { Entry } from '../../src/manifest/types.ts'
import { writeManifest } from '../../src/manifest/write.ts'
import type { ObjectStore } from '../../src/stores/object-store.ts'
import { manifestSink } from '../../src/transfer/manifest-store.ts'

/** A file's bytes, or where a symlink leads. */
export type Content = string | Buffer | { link: string } | { executable: string }

const bytesOf = (content: Content): Buffer | undefined => {
  if (typeof content === 'string' || Buffer.isBuffer(content)) return Buffer.from(content)
  return 'executable' in content ? Buffer.from(content.executable) : undefined
}

export const entryOf = (p: string, content: Content): Entry => {
  const bytes = bytesOf(content)
  if (bytes === undefined) return { p, l: (content as { link: string }).link }
  const entry: Entry = { p, s: bytes.length, h: createHash('sha256').update(bytes).digest('hex') }
  return typeof content === 'object' && 'executable' in content ? { ...entry, x: 1 } : entry
}

/** Puts a version into a Dataset's directory as a mover does, without a commit record. `place` may send lines elsewhere (`o`, `u`). */
export const storeVersion = async (
  store: ObjectStore,
  prefix: string,
  sequence: number,
  files: Record<string, Content>,
  place: (entry: Entry) => Entry = (entry) => entry,
): Promise<{ sequence: number; root: string; digest: string }> => {
  const entries: Entry[] = []
  for (const [path, content] of Object.entries(files).sort(([a], [b]) => compareUtf8(a, b))) {
    const entry = place(entryOf(path, content))
    entries.push(entry)
    const bytes = bytesOf(content)
    if (bytes !== undefined && entry.u === undefined) await store.put(dataKey(prefix, entry.o ?? sequence, path), bytes)
  }
  const { rootDigest, root } = await writeManifest(entries, manifestSink(store, prefix))
  return { sequence, root: rootDigest, digest: root.digest }
}
