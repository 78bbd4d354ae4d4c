import { randomUUID } from 'node:crypto'
import { createWriteStream } from 'node:fs'
import { chmod, mkdir, rename, rm, symlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { formatBytes } from '../../api/quantity.ts'
import type { Entry } from '../../manifest/types.ts'
import { type FileSide, fileSide } from '../../transfer/compare-versions.ts'
import { entriesAt } from '../../transfer/entries-at.ts'
import { forEach } from '../../transfer/pool.ts'
import type { Context, Run } from '../command.ts'
import { CommandError, exit } from '../exit.ts'
import { ownOrMover } from '../in-cluster.ts'
import { type FoundVersion, findCommitted } from '../lookup.ts'
import { show } from '../print.ts'
import { filesInCluster, sayLeft } from '../shown.ts'
import { FileReader, fileAt, type OpenVersion, withVersion } from '../version-files.ts'

type File = { path: string } & FileSide

const fileOf = (entry: Entry): File => ({ path: entry.p, ...fileSide(entry) })

const row = ({ path, size, sha256, link, executable }: File): string => {
  const name = JSON.stringify(path).slice(1, -1)
  const what = link === undefined ? (size ?? 0) : `→ ${link}`
  return `${String(what).padStart(12)}  ${sha256?.slice(0, 12) ?? ' '.repeat(12)}  ${name}${executable ? '*' : ''}`
}

const isTable = ({ format }: Context): boolean => format !== 'json' && format !== 'yaml'

const listOwn = async (context: Context, version: OpenVersion, path: string): Promise<void> => {
  const files: File[] = []
  for await (const entry of entriesAt(version, path)) {
    // Line by line: a million files are not kept in memory.
    if (isTable(context)) await context.write(Buffer.from(`${row(fileOf(entry))}\n`))
    else files.push(fileOf(entry))
  }
  if (!isTable(context)) show(context, files, () => '')
}

const listInCluster = async (context: Context, found: FoundVersion, path: string): Promise<void> => {
  const { shown, left } = await filesInCluster(context, found, path)
  show(context, shown, () => shown.map(row).join('\n'))
  sayLeft(context, left)
}

/** Lists the files of a version: bytes, the start of the sha256, path. */
export const list: Run = async (context, [ref = '', path = ''], flags) => {
  const found = await findCommitted(context, ref)
  await ownOrMover(
    context,
    flags,
    (own) => withVersion(own, found, flags, (version) => listOwn(own, version, path)),
    () => listInCluster(context, found, path),
  )
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
