import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { chmod, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatBytes } from '../../api/quantity.ts'
import type { Entry } from '../../manifest/types.ts'
import { forEach } from '../../transfer/pool.ts'
import type { Context, Run } from '../command.ts'
import { CommandError, exit } from '../exit.ts'
import { findCommitted } from '../lookup.ts'
import { show } from '../print.ts'
import { entriesAt, FileReader, fileAt, type OpenVersion, withVersion } from '../version-files.ts'

const row = ({ p, s, h, l, x }: Entry): string => {
  const path = JSON.stringify(p).slice(1, -1)
  const what = l === undefined ? (s ?? 0) : `→ ${l}`
  return `${String(what).padStart(12)}  ${h?.slice(0, 12) ?? ' '.repeat(12)}  ${path}${x ? '*' : ''}`
}

/** Lists the files of a version: bytes, the start of the sha256, path. */
export const list: Run = async (context, [ref = '', path = ''], flags) => {
  const found = await findCommitted(context, ref)
  await withVersion(context, found, flags, async (version) => {
    if (context.format === 'json' || context.format === 'yaml') {
      const entries: object[] = []
      for await (const { p, s, h, l, x } of entriesAt(version, path))
        entries.push({
          path: p,
          ...(l === undefined ? { size: s, sha256: h } : { link: l }),
          ...(x && { executable: true }),
        })
      show(context, entries, () => '')
      return
    }
    for await (const entry of entriesAt(version, path)) await context.write(Buffer.from(`${row(entry)}\n`))
  })
}

/** Writes a file to the output. Its sha256 is known when its last byte is out: bytes that are wrong end it with an error. */
export const cat: Run = async (context, [ref = '', path = ''], flags) => {
  const found = await findCommitted(context, ref)
  await withVersion(context, found, flags, async (version) => {
    const reader = new FileReader(context, version)
    try {
      for await (const chunk of reader.read(await fileAt(version, path))) await context.write(chunk)
    } finally {
      await reader.close()
    }
  })
}

/** A file appears under its name when all of it is there and right. */
const save = async (reader: FileReader, entry: Entry, target: string, signal: AbortSignal): Promise<void> => {
  await mkdir(dirname(target), { recursive: true })
  const partial = join(dirname(target), `.${basename(target)}.${randomUUID()}`)
  try {
    if (entry.l === undefined) {
      await pipeline(Readable.from(reader.read(entry)), createWriteStream(partial, { flags: 'wx' }), { signal })
      if (entry.x) await chmod(partial, 0o755)
    } else await symlink(entry.l, partial)
    await rename(partial, target)
  } catch (error) {
    await rm(partial, { force: true })
    throw error
  }
}

const width = 8

const saveAll = async (context: Context, version: OpenVersion, path: string, to: string | undefined) => {
  const bare = path.replace(/\/$/, '')
  const reader = new FileReader(context, version)
  const done = { files: 0, bytes: 0 }
  const one = async (entry: Entry, signal: AbortSignal) => {
    const inside = entry.p === bare ? '' : entry.p.slice(bare === '' ? 0 : bare.length + 1)
    const target = inside === '' ? (to ?? basename(bare)) : join(to ?? (basename(bare) || '.'), inside)
    await save(reader, entry, target, signal)
    done.files++
    done.bytes += entry.s ?? 0
  }
  try {
    await forEach(entriesAt(version, bare), width, one, context.signal)
  } finally {
    await reader.close()
  }
  return done
}

/** Fetches a file, or all that is below a directory, and checks every byte. */
export const get: Run = async (context, [ref = '', path = '', to], flags) => {
  const found = await findCommitted(context, ref)
  await withVersion(context, found, flags, async (version) => {
    const done = await saveAll(context, version, path, to)
    if (done.files === 0) throw new CommandError(exit.notFound, `there is nothing at ${path} in ${found.ref}`)
    show(context, done, () => `${done.files} files, ${formatBytes(done.bytes)}`)
  })
}
