import { createHash } from 'node:crypto'
import { closeSync, createReadStream, openSync, readSync, rmSync, writeSync } from 'node:fs'
import type { Readable } from 'node:stream'
import { compareUtf8 } from '../../lib/utf8.ts'
import { linkProblem, pathProblem } from '../../manifest/paths.ts'
import { MoveFailure } from '../../mover/failure.ts'
import { StoreError } from '../../stores/object-store.ts'
import type { Filter } from '../filter.ts'
import type { Item } from '../plan.ts'
import type { StoreEnd } from './ends.ts'

/**
 * What plain objects can't say of a tree: which files are executable, and its symlinks. One object at the prefix, only where there are such; a line
 * for each in path order: `["path"]` is executable, `["path","target"]` a link.
 */
export const treeName = '.granary-tree.ndjson'

export interface TreeLine {
  p: string
  /** Of links. */
  l?: string
}

const parse = (text: string, where: string): TreeLine => {
  const damaged = () =>
    new MoveFailure('Corrupt', `${where} is damaged or not Granary's: remove it, or copy its source there once more`, [
      where,
    ])
  try {
    const [p, l, ...more] = JSON.parse(text) as unknown[]
    if (typeof p !== 'string' || more.length > 0 || pathProblem(p) !== undefined) throw damaged()
    if (l === undefined) return { p }
    if (typeof l !== 'string' || linkProblem(p, l) !== undefined) throw damaged()
    return { p, l }
  } catch {
    throw damaged()
  }
}

async function* linesOf(body: Readable, where: string): AsyncGenerator<TreeLine> {
  let rest = ''
  for await (const chunk of body.setEncoding('utf8')) {
    const lines = (rest + (chunk as string)).split('\n')
    rest = lines.pop()!
    for (const line of lines) yield parse(line, where)
  }
  if (rest !== '') yield parse(rest, where)
}

/** The lines at a prefix; undefined: there is no such object. */
export const openTree = async (end: StoreEnd, signal: AbortSignal): Promise<AsyncGenerator<TreeLine> | undefined> => {
  const key = `${end.prefix}${treeName}`
  // Most prefixes have none, and to find that out a head is cheaper.
  if ((await end.store.head(key, { signal })) === undefined) return undefined
  try {
    const { body } = await end.store.get(key, { signal })
    return linesOf(body, `${end.store.name}/${key}`)
  } catch (error) {
    if (error instanceof StoreError && error.failure === 'not-found') return undefined
    throw error
  }
}

/** Objects with what the tree says of them, and its links between them. */
export async function* withTree(
  batches: AsyncIterable<Item[]>,
  tree: AsyncGenerator<TreeLine> | undefined,
  filter: Filter,
): AsyncGenerator<Item[]> {
  if (tree === undefined) return yield* batches
  let line = await tree.next()
  const linkOf = ({ p, l }: TreeLine): Item[] => (l !== undefined && filter(p) ? [{ p, size: 0, id: [l], l }] : [])
  try {
    for await (const batch of batches) {
      const items: Item[] = []
      for (const item of batch) {
        for (; !line.done && compareUtf8(line.value.p, item.p) < 0; line = await tree.next())
          items.push(...linkOf(line.value))
        const named = !line.done && line.value.p === item.p
        items.push({ ...item, x: named && !line.done && line.value.l === undefined })
        if (named) line = await tree.next()
      }
      yield items
    }
    for (; !line.done; line = await tree.next()) {
      const items = linkOf(line.value)
      if (items.length > 0) yield items
    }
  } finally {
    await tree.return(undefined)
  }
}

const buffered = 64 * 1024

/** Collects the lines of a destination in a file of this machine, in path order, and brings them there in the end. */
export class TreeWriter {
  readonly #file: string
  #text = ''
  #lines = 0
  #started = false

  constructor(file: string) {
    this.#file = file
  }

  add({ p, l }: TreeLine): void {
    this.#lines++
    this.#text += `${JSON.stringify(l === undefined ? [p] : [p, l])}\n`
    if (this.#text.length >= buffered) this.#flush()
  }

  #flush(): void {
    const fd = openSync(this.#file, this.#started ? 'a' : 'w', 0o600)
    writeSync(fd, this.#text)
    closeSync(fd)
    this.#started = true
    this.#text = ''
  }

  /** Makes the object at the destination say what was added, and what it said of paths that `filter` doesn't want. */
  async finish(end: StoreEnd, filter: Filter, signal: AbortSignal): Promise<void> {
    const before = await openTree(end, signal)
    if (before === undefined && this.#lines === 0) return
    this.#flush()
    try {
      await this.#merge(before, filter)
      await this.#send(end, signal)
    } finally {
      for (const file of [this.#file, `${this.#file}.all`]) rmSync(file, { force: true })
    }
  }

  async #merge(before: AsyncGenerator<TreeLine> | undefined, filter: Filter): Promise<void> {
    const all = new TreeWriter(`${this.#file}.all`)
    const own = linesOf(createReadStream(this.#file), this.#file)
    let line = await own.next()
    for await (const old of before ?? []) {
      if (filter(old.p)) continue
      for (; !line.done && compareUtf8(line.value.p, old.p) < 0; line = await own.next()) all.add(line.value)
      all.add(old)
    }
    for (; !line.done; line = await own.next()) all.add(line.value)
    all.#flush()
    this.#lines = all.#lines
  }

  async #send(end: StoreEnd, signal: AbortSignal): Promise<void> {
    const key = `${end.prefix}${treeName}`
    if (this.#lines === 0) return end.store.remove([key], signal)
    const fd = openSync(`${this.#file}.all`, 'r')
    try {
      const hash = createHash('md5')
      const buffer = Buffer.allocUnsafe(buffered)
      let size = 0
      for (let read = readSync(fd, buffer); read > 0; read = readSync(fd, buffer)) {
        hash.update(buffer.subarray(0, read))
        size += read
      }
      const there = await end.store.head(key, { signal })
      if (there?.size === size && there.checksums?.md5 === hash.digest('hex')) return
      await end.store.uploadFile(key, fd, { size, signal })
    } finally {
      closeSync(fd)
    }
  }
}
