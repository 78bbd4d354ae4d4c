import { writeSync } from 'node:fs'
import type { Buffers } from '../../lib/buffers.ts'
import type { ObjectInfo, Transferred } from '../../stores/object-store.ts'
import { StoreError } from '../../stores/object-store.ts'
import { copyObject } from '../copy-object.ts'
import type { Identity, Item, Known } from '../plan.ts'
import { drifted, pinned } from '../read-object.ts'
import { type BigUploads, severalParts } from './big-uploads.ts'
import { type Destination, isStore, type Source, type StoreEnd } from './ends.ts'
import { chunksOf, Summing, withStableFile } from './local-read.ts'
import type { LocalTarget } from './local-target.ts'
import type { Partial } from './partials.ts'
import { identityOfObject, pinOf } from './store-list.ts'

/** Bigger files are gone on with where a run was stopped. */
const resumedBytes = 16 * 1024 * 1024
/** Up to this many bytes a file is in memory as a whole on its way. */
const wholeBytes = 256 * 1024

export interface CopyDeps {
  from: Source
  to: Destination
  /** Hears of bytes; negative counts take back what comes once more. */
  onBytes(count: number): void
  signal: AbortSignal
  uploads: BigUploads
  /** For small files on their way. */
  buffers: Buffers
}

/** What a copied file is known by from now on, but for its path. */
type Made = Omit<Known, 'p'>

const writeAll = (fd: number, bytes: Uint8Array) => {
  for (let at = 0; at < bytes.length; ) at += writeSync(fd, bytes, at, bytes.length - at, at)
}

/** The object of the listing, or the failure that says it is gone. */
const readDrift = async <T>(from: StoreEnd, item: Item, work: () => Promise<T>): Promise<T> => {
  try {
    return await work()
  } catch (error) {
    if (!(error instanceof StoreError)) throw error
    const source = pinned(from.store, { key: `${from.prefix}${item.p}`, size: item.size }, false)
    if (error.failure === 'not-found') throw drifted(source, 'was deleted')
    if (error.failure === 'changed') throw drifted(source, 'was changed')
    throw error
  }
}

const download = async (deps: CopyDeps, from: StoreEnd, target: LocalTarget, item: Item): Promise<Made> => {
  const { onBytes, signal } = deps
  const how = { size: item.size, ...pinOf(item), onBytes, signal }
  const key = `${from.prefix}${item.p}`
  const x = item.x ?? false
  const get = (into: { fd: number } | { bytes: Uint8Array }, partial?: Partial): Promise<Transferred> => {
    const more = partial && { have: partial.have, onWhole: partial.whole }
    return readDrift(from, item, () => from.store.download(key, into, { ...how, ...more }))
  }
  if (item.size > wholeBytes) {
    const known = item.size > resumedBytes && how.ifMatch !== undefined
    const state = known ? [from.store.name, key, item.size, how.ifMatch] : undefined
    const { made, id } = await target.write(item.p, x, (fd, partial) => get({ fd }, partial), state)
    return { size: item.size, h: made.sha256, x, source: item.id, there: id }
  }
  const bytes = deps.buffers.take(item.size)
  const { sha256 } = await get({ bytes })
  const { id } = await target.write(item.p, x, async (fd) => writeAll(fd, bytes))
  deps.buffers.give(bytes)
  return { size: item.size, h: sha256, x, source: item.id, there: id }
}

const madeOf = (size: number, h: string, x: boolean, source: Identity, info: ObjectInfo): Made => ({
  size,
  h,
  x,
  source,
  there: identityOfObject(info),
})

const upload = async (deps: CopyDeps, root: string, to: StoreEnd, item: Item): Promise<Made> => {
  const { onBytes, signal, uploads } = deps
  const key = `${to.prefix}${item.p}`
  let stored = false
  try {
    return await withStableFile(`${root}/${item.p}`, async ({ fd, size, executable, id }) => {
      const resumable = size > severalParts ? { resumable: uploads.startsFrom(key, size, id) } : {}
      const { info, sha256 } = await to.store.uploadFile(key, fd, { size, onBytes, signal, ...resumable })
      stored = true
      return madeOf(size, sha256, executable, id, info)
    })
  } catch (error) {
    // Bytes of no state that the file was ever in.
    if (stored) await to.store.remove([key], signal)
    throw error
  }
}

const copyBetween = async (deps: CopyDeps, from: StoreEnd, to: StoreEnd, item: Item): Promise<Made> => {
  const { onBytes, signal, uploads } = deps
  const [key, target] = [`${from.prefix}${item.p}`, `${to.prefix}${item.p}`]
  const x = item.x ?? false
  if (item.size <= severalParts) {
    const bytes = Buffer.allocUnsafe(item.size)
    const how = { size: item.size, ...pinOf(item), onBytes, signal }
    const { sha256 } = await readDrift(from, item, () => from.store.download(key, { bytes }, how))
    return madeOf(item.size, sha256, x, item.id, await to.store.put(target, bytes, { signal }))
  }
  const source = { store: from.store, object: { key, size: item.size }, pin: pinOf(item) }
  uploads.starts(target)
  const { sha256, info } = await copyObject(source, { store: to.store, key: target }, onBytes, signal)
  return madeOf(item.size, sha256, x, item.id, info)
}

const copyLocal = ({ onBytes, signal }: CopyDeps, root: string, target: LocalTarget, item: Item): Promise<Made> =>
  withStableFile(`${root}/${item.p}`, async (file) => {
    const { made, id } = await target.write(item.p, file.executable, async (fd) => {
      const sums = new Summing()
      let at = 0
      for await (const chunk of chunksOf(file, signal)) {
        sums.update(chunk)
        for (let done = 0; done < chunk.length; ) done += writeSync(fd, chunk, done, chunk.length - done, at + done)
        at += chunk.length
        onBytes(chunk.length)
      }
      return sums.finish().sha256
    })
    return { size: file.size, h: made, x: file.executable, source: file.id, there: id }
  })

/** Copies one file, verified, and says what it is known by. */
export const copyFile = async (deps: CopyDeps, item: Item): Promise<Known> => {
  const { from, to } = deps
  const made = isStore(from)
    ? isStore(to)
      ? await copyBetween(deps, from, to, item)
      : await download(deps, from, to.target, item)
    : isStore(to)
      ? await upload(deps, from.root, to, item)
      : await copyLocal(deps, from.root, to.target, item)
  return { p: item.p, ...made }
}
